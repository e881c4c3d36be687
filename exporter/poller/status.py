"""How the polls are going: what the exporter tells of itself."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock

from exporter.instant import Instant


@dataclass(frozen=True, slots=True)
class StatusView:
    """The status at one moment.

    ``up`` says that the last poll could read GitLab, None before the first, ``seconds`` how long
    it took. ``errors`` counts failed polls by project id, ``failing`` tells why the last one
    failed. ``requests`` counts requests to GitLab by endpoint and code. ``unread`` are the
    projects that the running poll has yet to read. ``events`` counts events by what became of
    them, ``links`` merge requests that were linked to deployments by who found them. ``leads`` says
    whether this exporter polls, of those that share its database. ``token_expires_at`` is known of
    some tokens.
    """

    up: bool | None
    seconds: float | None
    errors: Mapping[int, int]
    failing: Mapping[int, str]
    requests: Mapping[tuple[str, str], int]
    unread: frozenset[int] = frozenset()
    events: Mapping[str, int] = field(default_factory=dict)
    leads: bool = True
    token_expires_at: Instant | None = None
    links: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Status:
    """Collects how polls go; safe to use from several threads."""

    _lock: Lock = field(default_factory=Lock)
    _up: bool | None = None
    _seconds: float | None = None
    _errors: Counter[int] = field(default_factory=Counter)
    _failing: dict[int, str] = field(default_factory=dict)
    _requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    _unread: set[int] = field(default_factory=set)
    _events: Counter[str] = field(default_factory=Counter)
    _leads: bool = True
    _token_expires_at: Instant | None = None
    _links: Counter[str] = field(default_factory=Counter)

    def request(self, endpoint: str, code: str) -> None:
        """Count a request to GitLab."""
        with self._lock:
            self._requests[endpoint, code] += 1

    def event(self, outcome: str, number: int = 1) -> None:
        """Count events of which this became."""
        with self._lock:
            self._events[outcome] += number

    def links(self, method: str, number: int) -> None:
        """Count merge requests that were linked to deployments, by who found them."""
        with self._lock:
            self._links[method] += number

    def begin(self, project_ids: Collection[int]) -> None:
        """Note the begin of a poll, and what it has to read."""
        with self._lock:
            self._unread = set(project_ids)

    def read(self, project_id: int) -> None:
        """Note that the running poll has read all that is new in a project."""
        with self._lock:
            self._unread.discard(project_id)

    def failed(self, project_id: int, reason: str) -> None:
        """Note that the poll of a project failed."""
        with self._lock:
            self._errors[project_id] += 1
            self._failing[project_id] = reason

    def succeeded(self, project_ids: Collection[int]) -> None:
        """Note that the polls of some projects succeeded."""
        with self._lock:
            for one in project_ids:
                self._failing.pop(one, None)

    def polled(self, *, up: bool, seconds: float) -> None:
        """Note the end of a poll, and how long it took."""
        with self._lock:
            self._up = up
            self._seconds = seconds
            self._unread.clear()

    def lead(self, *, leads: bool) -> None:
        """Note whether this exporter polls from now on."""
        with self._lock:
            self._leads = leads

    def token_expires(self, at: Instant | None) -> None:
        """Note when the token for GitLab expires, None if that is not known."""
        with self._lock:
            self._token_expires_at = at

    def adopt(self, *, up: bool | None, seconds: float | None, failing: Collection[int]) -> None:
        """Note how the last poll of another exporter went, in place of this one's own."""
        with self._lock:
            self._up = up
            self._seconds = seconds
            self._failing = dict.fromkeys(failing, "as another replica found")
            self._unread.clear()

    def view(self) -> StatusView:
        """Return the status as it is now."""
        with self._lock:
            return StatusView(
                self._up,
                self._seconds,
                dict(self._errors),
                dict(self._failing),
                dict(self._requests),
                frozenset(self._unread),
                dict(self._events),
                self._leads,
                self._token_expires_at,
                dict(self._links),
            )
