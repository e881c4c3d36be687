"""The commits that a deployment brought, and the merge requests that they come from.

GitLab links merge requests by their merge commit, and not in every environment; what it leaves out
can be found where two commits are compared and each merge request says as which commit it landed.
https://docs.gitlab.com/ee/api/repositories.html#compare-branches-tags-or-commits
https://docs.gitlab.com/ee/api/merge_requests.html#list-project-merge-requests
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from exporter.dora.facts import MergeRequest
from exporter.gitlab.answers import When, read, read_merge_request
from exporter.gitlab.client import Client
from exporter.instant import Instant, iso, microseconds

MOST_PAGES = 20
"""Pages of merge requests that are read of a project at once."""

_SLACK = microseconds(timedelta(days=1))
"""A commit may carry a time that is somewhat later than when it was merged."""


class _Commit(BaseModel):
    id: str
    committed_date: When | None = None
    created_at: When | None = None


class _Comparison(BaseModel):
    commits: list[_Commit]


class _Landing(BaseModel):
    sha: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None

    def commit(self) -> str | None:
        """Return the commit as which it is in the target branch.

        Merged by fast-forward it is neither a merge commit nor a squashed one, but its own head.
        """
        return self.merge_commit_sha or self.squash_commit_sha or self.sha


@dataclass(frozen=True, slots=True)
class Commits:
    """Commits between two others; ``since`` is when the earliest was made, None if unknown."""

    shas: frozenset[str]
    since: Instant | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """Merge requests by the commit as which each landed, and how many requests told of them."""

    by_commit: Mapping[str, Sequence[MergeRequest]]
    requests: int

    def among(self, commits: Commits) -> list[MergeRequest]:
        """Return the merge requests that landed as one of some commits."""
        found = {
            one.iid: one
            for sha in commits.shas & self.by_commit.keys()
            for one in self.by_commit[sha]
        }
        return [found[iid] for iid in sorted(found)]


class Repositories:
    """Asks about commits; each question is of one project."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def between(self, project_id: int, start: str, end: str) -> Commits:
        """Return the commits that can be reached from ``end`` and not from ``start``, both SHAs.

        Raises:
            ForbiddenError: if the token may not read the repository.
            NotFoundError: if one of the commits is gone, or the project.
            GitLabError: if GitLab does not answer as it must.
        """
        path = f"/projects/{project_id}/repository/compare"
        answer = self._client.get(path, **{"from": start, "to": end, "straight": "true"})
        commits = read(_Comparison, answer, "comparison").commits
        times = [one.committed_date or one.created_at for one in commits]
        known = [one for one in times if one is not None]
        since = min(known, default=None) if len(known) == len(times) else None
        return Commits(frozenset(one.id for one in commits), since)

    def landed(self, project_id: int, commits: Sequence[Commits]) -> Landed:
        """Return the merge requests that may have landed as one of some commits.

        Those that changed last come first, down to the earliest of the commits; behind
        :data:`MOST_PAGES` pages there may be some that are left out.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        parameters = {"state": "merged", "order_by": "updated_at", "sort": "desc"}
        since = [one.since for one in commits if one.shas]
        known = [one for one in since if one is not None]
        if known and len(known) == len(since):
            parameters["updated_after"] = iso(max(min(known) - _SLACK, 0))
        wanted = frozenset[str]().union(*(one.shas for one in commits))
        found: dict[str, dict[int, MergeRequest]] = {}
        pages = self._client.pages(f"/projects/{project_id}/merge_requests", **parameters)
        number = 0
        for number, page in enumerate(pages, 1):
            for item in page.items:
                sha = read(_Landing, item, "merge request").commit()
                if sha is not None and sha in wanted:
                    merged = read_merge_request(item)
                    found.setdefault(sha, {})[merged.iid] = merged
            if number >= MOST_PAGES:
                break
        return Landed({sha: list(some.values()) for sha, some in found.items()}, number)
