"""What GitLab sends."""

import json
from typing import Any

SECRET = "Zq7SecretOfTheHook"


def payload(
    *,
    project: object = 1,
    deployment: object = 77,
    environment: object = "production",
    **changes: Any,
) -> dict[str, Any]:
    """Return the payload of a deployment event; a change to None leaves the field out."""
    fields: dict[str, Any] = {
        "object_kind": "deployment",
        "status": "success",
        "status_changed_at": "2026-03-02 12:00:00 UTC",
        "deployment_id": deployment,
        "deployable_id": 5077,
        "deployable_url": "https://gitlab.example.com/acme/app/-/jobs/5077",
        "environment": environment,
        "environment_tier": "production",
        "environment_slug": environment,
        "environment_external_url": "https://app.example.com",
        "project": {
            "id": project,
            "name": "App",
            "path_with_namespace": "acme/app",
            "web_url": "https://gitlab.example.com/acme/app",
            "default_branch": "main",
        },
        "short_sha": "5ad5ad5a",
        "user": {"id": 9, "name": "Ada", "username": "ada", "email": "[REDACTED]"},
        "commit_title": "Bring the façade up to date",
        "ref": "main",
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def content(**changes: Any) -> bytes:
    """Return the body of a deployment event."""
    return json.dumps(payload(**changes)).encode()


def headers(token: str | None = SECRET, **more: str) -> dict[str, str]:
    """Return the headers that GitLab sends with it."""
    given = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/18.2.0",
        "X-Gitlab-Event": "Deployment Hook",
        "X-Gitlab-Event-UUID": "0f4d6d8e-7b8a-4c57-9a0b-3f1c7d1f5a11",
    }
    if token is not None:
        given["X-Gitlab-Token"] = token
    return {**given, **{name.replace("_", "-"): value for name, value in more.items()}}
