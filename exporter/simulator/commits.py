"""The commit graph of a project, and how merge requests land in it."""

from datetime import datetime
from hashlib import sha1

from exporter.simulator.records import Commit, MergeRequest, Project
from exporter.simulator.world import World


def add_commit(world: World, project: Project, *parents: str, at: datetime) -> str:
    """Commit on top of some commits, on none for a first one.

    Returns:
        The SHA.

    Raises:
        ValueError: When a parent does not exist.
    """
    with world.lock:
        if missing := [one for one in parents if one not in project.commits]:
            raise ValueError(f"no such commit: {', '.join(missing)}")
        parts = ("commit", project.id, len(project.commits))
        sha = sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
        project.commits[sha] = Commit(sha, parents, at)
        return sha


def merge_commit(
    world: World, project: Project, trunk: str, branch: str, *, at: datetime, author: str = "dev"
) -> tuple[str, MergeRequest]:
    """Merge a branch into the trunk with a merge commit; return the new trunk and the request."""
    with world.lock:
        landed = add_commit(world, project, trunk, branch, at=at)
        merged = world.add_merge_request(project, merged_at=at, sha=branch, author=author)
        merged.merge_commit_sha = landed
        return landed, merged


def fast_forward(
    world: World, project: Project, branch: str, *, at: datetime, author: str = "dev"
) -> tuple[str, MergeRequest]:
    """Move the trunk to the head of a branch that is ahead of it; no commit is made."""
    with world.lock:
        merged = world.add_merge_request(project, merged_at=at, sha=branch, author=author)
        merged.merge_commit_sha = None
        return branch, merged


def squash(
    world: World, project: Project, trunk: str, branch: str, *, at: datetime, author: str = "dev"
) -> tuple[str, MergeRequest]:
    """Put all commits of a branch into a single one on the trunk, without a merge commit."""
    with world.lock:
        landed = add_commit(world, project, trunk, at=at)
        merged = world.add_merge_request(project, merged_at=at, sha=branch, author=author)
        merged.merge_commit_sha, merged.squash_commit_sha = None, landed
        return landed, merged


def between(project: Project, start: str, end: str) -> list[Commit]:
    """Give the commits that can be reached from one commit and not from another, as Git does.

    Raises:
        KeyError: When one of them does not exist.
    """
    known = _reachable(project, start)
    return [project.commits[sha] for sha in _reachable(project, end) if sha not in known]


def _reachable(project: Project, sha: str) -> dict[str, None]:
    found = {project.commits[sha].sha: None}
    waiting = [sha]
    while waiting:
        for parent in project.commits[waiting.pop()].parents:
            if parent not in found:
                found[parent] = None
                waiting.append(parent)
    return found
