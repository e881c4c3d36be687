"""GitLab, as the exporter sees it: the only room that knows its API.

:mod:`exporter.gitlab.plan` says what is asked and in how many requests; start there.
:mod:`exporter.gitlab.client` asks it, :mod:`exporter.gitlab.budget` paces it,
:mod:`exporter.gitlab.answers` turns JSON into facts, :mod:`exporter.gitlab.errors` is all that
can go wrong.
"""

from exporter.gitlab.budget import Budget
from exporter.gitlab.callers import Callers
from exporter.gitlab.client import Client
from exporter.gitlab.discovery import discover_group, discover_many, discover_project
from exporter.gitlab.errors import (
    GitLabError,
    NotFoundError,
    RefusedError,
    StoppedError,
    UnauthorizedError,
)
from exporter.gitlab.plan import GitLabSource
from exporter.gitlab.token import token_expires_at

__all__ = [
    "Budget",
    "Callers",
    "Client",
    "GitLabError",
    "GitLabSource",
    "NotFoundError",
    "RefusedError",
    "StoppedError",
    "UnauthorizedError",
    "discover_group",
    "discover_many",
    "discover_project",
    "token_expires_at",
]
