"""Answers that end a request early."""

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: HTTP status.
        body: What is sent as JSON.
        headers: Additional answer headers.
    """

    def __init__(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def refusal(status: int, detail: str = "") -> ApiError:
    """Make GitLab's usual error: the status in words, and what it is about.

    Args:
        status: HTTP status.
        detail: Put before `Not Found` on 404 and after a dash otherwise.
    """
    phrase = HTTPStatus(status).phrase
    if status == HTTPStatus.NOT_FOUND and detail:
        return ApiError(status, {"message": f"404 {detail} Not Found"})
    return ApiError(status, {"message": f"{status} {phrase}" + (f" - {detail}" if detail else "")})


def missing_record() -> ApiError:
    """Make the answer to an id that does not exist inside a project the caller may read."""
    return ApiError(404, {"message": "404 Not found"})


def bad_parameter(message: str) -> ApiError:
    """Make the answer to a parameter that is refused before anything is looked up."""
    return ApiError(400, {"error": message})
