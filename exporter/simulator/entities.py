"""The JSON of REST answers."""

import re
from datetime import datetime, timedelta
from typing import Any

from exporter.simulator.times import rest_time
from exporter.simulator.world import Deployment, Environment, Group, MergeRequest, Project, User

Json = dict[str, Any]


def user_basic(user: User, base_url: str) -> Json:
    """Show a user as part of something else."""
    return {
        "id": user.id,
        "username": user.username,
        "public_email": None,
        "name": user.name,
        "state": user.state,
        "locked": False,
        "avatar_url": None,
        "web_url": f"{base_url}/{user.username}",
    }


def namespace(group: Group, base_url: str) -> Json:
    """Show a group as the namespace of a project."""
    return {
        "id": group.id,
        "name": group.name,
        "path": group.name,
        "kind": "group",
        "full_path": group.path,
        "parent_id": group.parent.id if group.parent else None,
        "avatar_url": None,
        "web_url": f"{base_url}/groups/{group.path}",
    }


def group_entity(group: Group, base_url: str) -> Json:
    """Show a group in a list."""
    return {
        "id": group.id,
        "web_url": f"{base_url}/groups/{group.path}",
        "name": group.name,
        "path": group.name,
        "description": "",
        "visibility": group.visibility,
        "share_with_group_lock": False,
        "avatar_url": None,
        "request_access_enabled": True,
        "full_name": group.path.replace("/", " / "),
        "full_path": group.path,
        "created_at": rest_time(group.created_at),
        "parent_id": group.parent.id if group.parent else None,
        "archived": False,
    }


def project_simple(project: Project, base_url: str) -> Json:
    """Show what `simple=true` leaves of a project."""
    url = f"{base_url}/{project.path}"
    return {
        "id": project.id,
        "description": None,
        "name": project.name,
        "name_with_namespace": project.path.replace("/", " / "),
        "path": project.name,
        "path_with_namespace": project.path,
        "created_at": rest_time(project.created_at),
        "default_branch": "main",
        "tag_list": [],
        "topics": [],
        "http_url_to_repo": f"{url}.git",
        "web_url": url,
        "readme_url": None,
        "forks_count": 0,
        "avatar_url": None,
        "star_count": 0,
        "last_activity_at": rest_time(project.created_at),
        "namespace": namespace(project.namespace, base_url),
    }


def project_entity(project: Project, base_url: str) -> Json:
    """Show a project in full, permissions left out."""
    return project_simple(project, base_url) | {
        "empty_repo": False,
        "archived": project.archived,
        "visibility": project.visibility,
        "issues_enabled": True,
        "merge_requests_enabled": project.merges,
        "jobs_enabled": project.jobs,
        "environments_access_level": "enabled" if project.deploys else "disabled",
        "merge_method": project.merge_method,
        "shared_with_groups": [
            {"group_id": group_id, "group_access_level": level, "expires_at": None}
            for group_id, level in project.shares.items()
        ],
    }


def permissions(project_access: int, group_access: int) -> Json:
    """Show two access levels, 0 as null."""
    levels = {"project_access": project_access, "group_access": group_access}
    return {
        "permissions": {
            name: {"access_level": level, "notification_level": 3} if level else None
            for name, level in levels.items()
        }
    }


def environment_slug(environment: Environment) -> str:
    """Give the name as it appears in URLs; unlike GitLab's, not made unique when cut short."""
    return re.sub(r"[^a-z0-9]+", "-", environment.name.lower()).strip("-")[:24]


def environment_basic(environment: Environment) -> Json:
    """Show an environment as part of a deployment: neither tier nor state."""
    return {
        "id": environment.id,
        "name": environment.name,
        "slug": environment_slug(environment),
        "external_url": None,
        "created_at": rest_time(environment.created_at),
        "updated_at": rest_time(environment.updated_at),
    }


def environment_entity(environment: Environment, *, with_tier: bool) -> Json:
    """Show an environment of its own; older instances say no tier."""
    shown = environment_basic(environment) | {
        "description": None,
        "state": environment.state,
        "auto_stop_at": None,
    }
    return shown | {"tier": environment.tier} if with_tier else shown


def deployment_entity(deployment: Deployment, user: User, base_url: str) -> Json:
    """Show a deployment: no `finished_at` and no tier, as in GitLab."""
    return {
        "id": deployment.id,
        "iid": deployment.iid,
        "ref": deployment.ref,
        "sha": deployment.sha,
        "created_at": rest_time(deployment.created_at),
        "updated_at": rest_time(deployment.updated_at),
        "status": deployment.status,
        "user": user_basic(user, base_url),
        "environment": environment_basic(deployment.environment),
        "deployable": _job(deployment, user, base_url) if deployment.deployable else None,
    }


def merge_request_entity(merge_request: MergeRequest, author: User, base_url: str) -> Json:
    """Show a merge request."""
    project = merge_request.project
    merged = merge_request.merged_at is not None
    return {
        "id": merge_request.id,
        "iid": merge_request.iid,
        "project_id": project.id,
        "title": merge_request.title,
        "description": "",
        "state": merge_request.state,
        "created_at": rest_time(merge_request.created_at),
        "updated_at": rest_time(merge_request.updated_at),
        "merged_by": user_basic(author, base_url) if merged else None,
        "merge_user": user_basic(author, base_url) if merged else None,
        "merged_at": rest_time(merge_request.merged_at),
        "closed_by": None,
        "closed_at": None,
        "target_branch": merge_request.target_branch,
        "source_branch": merge_request.source_branch,
        "author": user_basic(author, base_url),
        "assignees": [],
        "assignee": None,
        "reviewers": [],
        "source_project_id": project.id,
        "target_project_id": project.id,
        "labels": [],
        "draft": False,
        "milestone": None,
        "sha": merge_request.sha,
        "merge_commit_sha": merge_request.merge_commit_sha if merged else None,
        "squash_commit_sha": merge_request.squash_commit_sha if merged else None,
        "references": {
            "short": f"!{merge_request.iid}",
            "relative": f"!{merge_request.iid}",
            "full": f"{project.path}!{merge_request.iid}",
        },
        "web_url": merge_request_url(merge_request, base_url),
    }


def merge_request_url(merge_request: MergeRequest, base_url: str) -> str:
    """Give a merge request's page."""
    return f"{base_url}/{merge_request.project.path}/-/merge_requests/{merge_request.iid}"


def _job(deployment: Deployment, user: User, base_url: str) -> Json:
    created = deployment.created_at
    finished = _job_finished_at(deployment)
    commit_time = rest_time(created - timedelta(minutes=1))
    job_id = 1_000_000 + deployment.id
    return {
        "id": job_id,
        "status": deployment.status,
        "stage": "deploy",
        "name": f"deploy_{deployment.environment.name}",
        "ref": deployment.ref,
        "tag": False,
        "coverage": None,
        "allow_failure": False,
        "created_at": rest_time(created),
        "started_at": rest_time(created if deployment.status != "created" else None),
        "finished_at": rest_time(finished),
        "duration": (finished - created).total_seconds() if finished else None,
        "user": user_basic(user, base_url),
        "commit": {
            "id": deployment.sha,
            "short_id": deployment.sha[:8],
            "created_at": commit_time,
            "title": "Deploy",
            "message": "Deploy",
            "author_name": user.name,
            "committed_date": commit_time,
        },
        "pipeline": {
            "id": 2_000_000 + deployment.id,
            "iid": deployment.iid,
            "project_id": deployment.project.id,
            "sha": deployment.sha,
            "ref": deployment.ref,
            "status": deployment.status,
            "source": "push",
            "created_at": rest_time(created),
            "updated_at": rest_time(deployment.updated_at),
            "web_url": f"{base_url}/{deployment.project.path}/-/pipelines/{deployment.id}",
        },
        "web_url": f"{base_url}/{deployment.project.path}/-/jobs/{job_id}",
        "project": {"ci_job_token_scope_enabled": False},
        "runner": None,
    }


def _job_finished_at(deployment: Deployment) -> datetime | None:
    """The job ends some milliseconds before its deployment does."""
    if deployment.finished_at is None:
        return None
    return max(
        min(deployment.created_at, deployment.finished_at),
        deployment.finished_at - timedelta(milliseconds=3 + deployment.id % 60),
    )
