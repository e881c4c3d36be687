"""Refusals in GitLab's words: its framework says ``error``, its DORA service ``message``."""

from starlette.responses import JSONResponse


class RefusalError(Exception):
    """The request is answered with an HTTP error status and a JSON object."""

    def __init__(self, status: int, body: dict[str, str]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self.body, self.status)


def malformed(*errors: str) -> RefusalError:
    """Refuse parameters that are missing or cannot be read (400)."""
    return RefusalError(400, {"error": ", ".join(errors)})


def invalid(message: str) -> RefusalError:
    """Refuse parameters that can be read but make no sense (400)."""
    return RefusalError(400, {"message": message})


def not_found(kind: str) -> RefusalError:
    """Refuse a project or group that does not exist, or that the caller may not see (404)."""
    return RefusalError(404, {"message": f"404 {kind.capitalize()} Not Found"})


def unauthorized() -> RefusalError:
    """Refuse a caller that nobody vouches for (401)."""
    return RefusalError(401, {"message": "401 Unauthorized"})


def forbidden_metrics() -> RefusalError:
    """Refuse a caller below the Reporter role, with the 401 that GitLab uses here."""
    return RefusalError(401, {"message": "You do not have permission to access dora metrics."})


def unavailable() -> RefusalError:
    """Answer that GitLab cannot be asked about the caller (503)."""
    return RefusalError(
        503, {"message": "503 Service Unavailable: GitLab cannot be asked about the caller"}
    )
