"""The merge requests of many deployments in one request, by aliases.

``Project.mergeRequests`` takes the id of a deployment, and a query takes the field many times
under different names: https://docs.gitlab.com/ee/api/graphql/reference/#projectmergerequests
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from exporter.batches import in_batches
from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab.answers import read_connection, read_merge_request
from exporter.gitlab.complexity import USUAL, Complexity
from exporter.gitlab.errors import BadAnswerError
from exporter.gitlab.multiplex import TEXT, Multiplex, Query

_MERGE_REQUESTS = 20

_PARTS = 5
"""So many queries fill a request at least, so that it can be made smaller and greater by steps."""

_FRAGMENT = (
    "fragment f on MergeRequestConnection{nodes{iid mergedAt targetBranch author{username}}"
    "pageInfo{hasNextPage endCursor}}"
)

_FIELDS = (
    ("iid", "iid"),
    ("merged_at", "mergedAt"),
    ("target_branch", "targetBranch"),
    ("author", "author"),
)
"""Of a merge request, as REST names them and GraphQL does."""

Chunk = tuple[Project, Sequence[int]]


class LinkQueries:
    """The queries for the merge requests of deployments, until each is told or given up.

    ``found`` are merge requests by deployment. Deployments that GitLab does not tell of, or not
    whole in one page, are left out.
    """

    def __init__(
        self, wanted: Mapping[Project, Collection[int]], complexity: Complexity = USUAL
    ) -> None:
        """Ask for as much in a query as GitLab allows.

        Args:
            wanted: ids of deployments by project.
            complexity: what GitLab allows.
        """
        self.found: dict[int, list[MergeRequest]] = {}
        self._chunks: list[Chunk] = [
            (project, some)
            for project, ids in wanted.items()
            for some in in_batches(
                sorted(ids), min(complexity.deployments_a_query, _fitting(max(ids, default=0)))
            )
        ]

    def queries(self) -> list[Query]:
        """Return what is to be asked now."""
        return [
            Query(link_query(some), {"p": project.path}, weight=len(some))
            for project, some in self._chunks
        ]

    def take(self, answers: Sequence[Any]) -> None:
        """Take the answers to all of :meth:`queries`, after which there may be others."""
        refused: list[Chunk] = []
        for (project, some), data in zip(self._chunks, answers, strict=True):
            if data is None:  # too complex for this GitLab, perhaps: half of it may not be
                refused += _halves(project, some)
            else:
                self.found |= _take(data, project, some)
        self._chunks = refused

    def finish(self, multiplex: Multiplex) -> None:
        """Ask until there is nothing left to ask.

        Raises:
            GitLabError: if GitLab does not answer.
        """
        while self._chunks:
            self.take(multiplex.run(self.queries()))


def link_query(ids: Iterable[int], more: str = "") -> str:
    """Return the query for the merge requests of deployments of one project.

    Args:
        ids: of the deployments.
        more: another field of the query.
    """
    fields = " ".join(map(_field, ids))
    return f"query($p:ID!){{project(fullPath:$p){{id {fields}}}{more}}}{_FRAGMENT}"


def _field(deployment_id: int) -> str:
    return (
        f'd{deployment_id}:mergeRequests(deploymentId:"{deployment_id}",'
        f"first:{_MERGE_REQUESTS}){{...f}}"
    )


def _fitting(largest_id: int) -> int:
    """Return for how many deployments a query is short enough."""
    return (TEXT // _PARTS - len(link_query([]))) // (len(_field(largest_id)) + 1)


def _halves(project: Project, ids: Sequence[int]) -> Iterator[Chunk]:
    if len(ids) > 1:
        middle = len(ids) // 2
        yield project, ids[:middle]
        yield project, ids[middle:]


def _take(data: Any, project: Project, ids: Sequence[int]) -> dict[int, list[MergeRequest]]:
    told = data.get("project") if isinstance(data, dict) else None
    if not isinstance(told, dict) or str(told.get("id")).rpartition("/")[2] != str(project.id):
        return {}
    found: dict[int, list[MergeRequest]] = {}
    for one in ids:
        try:
            nodes, more = read_connection(told.get(f"d{one}"), "merge requests")
            linked = {seen.iid: seen for seen in map(_merge_request, nodes)}
        except BadAnswerError:
            continue
        if more is None:
            found[one] = list(linked.values())
    return found


def _merge_request(node: Any) -> MergeRequest:
    """Read one merge request as GraphQL answers it."""
    if not isinstance(node, dict):
        raise BadAnswerError("merge request: not an object")
    return read_merge_request({name: node[field] for name, field in _FIELDS if field in node})
