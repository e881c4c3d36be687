"""The merge requests of many deployments in one request, by aliases.

``Project.mergeRequests`` takes the id of a deployment, and a query takes the field many times
under different names: https://docs.gitlab.com/ee/api/graphql/reference/#projectmergerequests
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from exporter.batches import in_batches
from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab.answers import read_connection, read_merge_request
from exporter.gitlab.errors import BadAnswerError
from exporter.gitlab.multiplex import Multiplex, Query

DEPLOYMENTS_A_QUERY = 18
"""Each costs 13 of the 250 that GitLab allows a query."""

_MERGE_REQUESTS = 20

_FRAGMENT = (
    "fragment f on MergeRequestConnection{nodes{iid mergedAt targetBranch author{username}}"
    "pageInfo{hasNextPage endCursor}}"
)

Chunk = tuple[Project, Sequence[int]]


def read_linked(
    multiplex: Multiplex, wanted: Mapping[Project, Collection[int]]
) -> dict[int, list[MergeRequest]]:
    """Read the merge requests that GitLab linked to deployments.

    Args:
        multiplex: to ask with.
        wanted: ids of deployments by project.

    Returns:
        Merge requests by deployment. Deployments that GitLab does not tell of, or not whole in
        one page, are left out.

    Raises:
        GitLabError: if GitLab does not answer.
    """
    chunks = [
        (project, some)
        for project, ids in wanted.items()
        for some in in_batches(sorted(ids), DEPLOYMENTS_A_QUERY)
    ]
    found: dict[int, list[MergeRequest]] = {}
    while chunks:
        answers = multiplex.run([_query(project, some) for project, some in chunks])
        refused: list[Chunk] = []
        for (project, some), data in zip(chunks, answers, strict=True):
            if data is None:  # too complex for this GitLab, perhaps: half of it may not be
                refused += _halves(project, some)
            else:
                found |= _take(data, project, some)
        chunks = refused
    return found


def _query(project: Project, ids: Sequence[int]) -> Query:
    fields = " ".join(
        f'd{one}:mergeRequests(deploymentId:"{one}",first:{_MERGE_REQUESTS}){{...f}}' for one in ids
    )
    text = f"query($p:ID!){{project(fullPath:$p){{id {fields}}}}}{_FRAGMENT}"
    return Query(text, {"p": project.path}, weight=len(ids))


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
    return read_merge_request(
        {
            "iid": node.get("iid"),
            "merged_at": node.get("mergedAt"),
            "target_branch": node.get("targetBranch"),
            "author": node.get("author"),
        }
    )
