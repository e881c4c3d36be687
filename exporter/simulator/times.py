"""Times the way GitLab writes them."""

from datetime import UTC, datetime


def rest_time(moment: datetime | None) -> str | None:
    """Write a time for REST: UTC, cut to milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def graphql_time(moment: datetime | None) -> str | None:
    """Write a time for GraphQL: UTC, cut to seconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
