"""Loads a recorded delivery history into a simulated instance."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from exporter.simulator.world import Project, World


def load(
    world: World,
    path: Path,
    *,
    project_path: str,
    environment: str = "production",
    shift: timedelta = timedelta(0),
) -> Project:
    """Add a history as a project with one environment.

    The file is a JSON object with `deployments` (each `tag`, `sha`, `finished_at` and the iids of
    its `merge_requests`) and `merge_requests` (each `iid`, `merge_commit_sha`, `created_at`,
    `merged_at`, `target_branch` and `author`). Every tag becomes a successful deployment without
    a job, created when it finished.

    Args:
        world: What to add to.
        path: The JSON file.
        project_path: Full path of the new project; its groups are created where missing.
        environment: Name of its only environment.
        shift: Added to every time of the file, to move an old history to now.

    Returns:
        The new project.

    Raises:
        OSError: When the file cannot be read.
        ValueError: When the file is not JSON, a time is malformed or the path is taken.
        KeyError: When a field is missing or a deployment lists an unknown merge request.
    """
    history = json.loads(path.read_text(encoding="utf-8"))

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text) + shift

    with world.lock:
        changes = sorted(history["merge_requests"], key=lambda change: change["iid"])
        releases = sorted(
            history["deployments"], key=lambda release: moment(release["finished_at"])
        )
        began = min(
            (moment(text) for text in _beginnings(changes, releases)), default=world.clock()
        )
        project = world.add_project(project_path, created_at=began)
        target = world.add_environment(project, environment, created_at=began)
        merge_requests = {
            change["iid"]: world.add_merge_request(
                project,
                iid=change["iid"],
                created_at=moment(change["created_at"]),
                merged_at=moment(change["merged_at"]),
                target_branch=change["target_branch"],
                author=change["author"],
                sha=change["merge_commit_sha"],
            )
            for change in changes
        }
        for release in releases:
            finished_at = moment(release["finished_at"])
            world.add_deployment(
                target,
                created_at=finished_at,
                finished_at=finished_at,
                ref=release["tag"],
                sha=release["sha"],
                deployable=False,
                merge_requests=[merge_requests[iid] for iid in release["merge_requests"]],
            )
    return project


def _beginnings(changes: list[dict[str, str]], releases: list[dict[str, str]]) -> list[str]:
    return [change["created_at"] for change in changes] + [
        release["finished_at"] for release in releases
    ]
