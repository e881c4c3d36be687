"""All that a poll asks of many projects at first, in as few requests as it fits into."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.multiplex import Multiplex
from exporter.gitlab.overview import (
    Newest,
    Overview,
    newest_query,
    overview_query,
    read_overviews,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What GraphQL told: overviews by project, and merge requests by deployment.

    ``newest`` are answers about environments that were known to have news.
    """

    overviews: Mapping[int, Overview] = field(default_factory=dict)
    newest: Newest = field(default_factory=dict)
    linked: Mapping[int, list[MergeRequest]] = field(default_factory=dict)


def look(
    multiplex: Multiplex,
    projects: Sequence[Project],
    named: Mapping[int, Collection[str]],
    links: LinkQueries,
) -> Look:
    """Ask for overviews of projects, for what is new where it is known, and for merge requests.

    Args:
        multiplex: to ask with.
        projects: whose overviews are wanted.
        named: by project, names of environments that have news.
        links: asks for merge requests.

    Raises:
        GitLabError: if GitLab does not answer.
    """
    news = [(one, name) for one in projects for name in sorted(named.get(one.id, ()))]
    answers = multiplex.run(
        [
            *(overview_query(one) for one in projects),
            *(newest_query(one, name) for one, name in news),
            *links.queries(),
        ]
    )
    about_links = len(projects) + len(news)
    links.take(answers[about_links:])
    links.finish(multiplex)
    return Look(
        read_overviews(projects, answers[: len(projects)]),
        {
            (one.id, name): data
            for (one, name), data in zip(news, answers[len(projects) : about_links], strict=True)
        },
        links.found,
    )
