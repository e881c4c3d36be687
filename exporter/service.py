"""The exporter put together: store, GitLab, polls and pages, from settings to a running service."""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from threading import Event, Lock
from types import TracebackType
from typing import Self

from starlette.applications import Starlette

from exporter.api import Access, DoraApi, GitLabAccess, OpenAccess
from exporter.clock import Clock, SystemClock
from exporter.config import Settings, TokenError, TokenSource
from exporter.gitlab import Budget, Callers, Client, GitLabSource, UnauthorizedError
from exporter.instant import microseconds
from exporter.ledger import Ledger
from exporter.metrics import Exposition, take_snapshot
from exporter.poller import Discovery, NamedProjects, Poll, Schedule, Settling, Status
from exporter.store import Store
from exporter.web import create_app
from exporter.webhook import PATH, Receiver

log = logging.getLogger(__name__)

_CALLER_TIMEOUT = 10.0
"""Seconds that GitLab gets at most to say who a caller is."""


class Service:
    """Everything that one exporter is made of. Nothing runs before :meth:`start`."""

    def __init__(
        self,
        settings: Settings,
        token: TokenSource,
        *,
        webhook_secret: TokenSource | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Open the store and show what it holds.

        Args:
            settings: what to poll, and how.
            token: gives the token for GitLab.
            webhook_secret: gives the secret of GitLab's webhooks; as the settings say if None.
            clock: the machine's own if None.

        Raises:
            StoreError: if the store cannot be opened.
        """
        self.settings = settings
        self.clock = clock or SystemClock()
        self.stop = Event()
        self.status = Status()
        self.store = Store.open(settings.store.url)
        self.budget = Budget(
            self.clock,
            self.stop,
            requests_per_second=settings.gitlab.max_requests_per_second,
            reserve=settings.gitlab.rate_limit_reserve,
        )
        # Callers of the JSON API spend a budget of their own: they must not hold up the polls.
        self._callers = Callers(
            settings.gitlab.url,
            budget=Budget(
                self.clock, self.stop, requests_per_second=settings.gitlab.max_requests_per_second
            ),
            observer=self.status.request,
            ssl_verify=_verification(settings),
            timeout=min(settings.gitlab.timeout.seconds, _CALLER_TIMEOUT),
        )
        self.client = Client(
            settings.gitlab.url,
            token=_token_of(token),
            clock=self.clock,
            stop=self.stop,
            budget=self.budget,
            observer=self.status.request,
            ssl_verify=_verification(settings),
            timeout=settings.gitlab.timeout.seconds,
            connections=settings.gitlab.concurrency,
        )
        source = GitLabSource(self.client, self.clock)
        self._discovery = Discovery(settings, self.client, source, self.store, self.clock)
        self._poll = Poll(
            settings, source, self.store, self.status, clock=self.clock, stop=self.stop
        )
        self._named = NamedProjects(
            self._poll_named,
            self.store.readings.unshown,
            clock=self.clock,
            spacing=settings.webhook.spacing.seconds,
        )
        self._settling = Settling(self._read_links, self._poll.all_settled_in)
        self._receiver = self._new_receiver(webhook_secret or settings.webhook.secret_source())
        self._ledger = Ledger(self.store, settings)
        self._exposition = Exposition(
            self.status,
            lambda: self.budget.remaining,
            # A poll that events cause may come just before the one that asks the others.
            fresh_for=microseconds(settings.effective_freshness + settings.poll.interval.timedelta),
            max_series=settings.metrics.max_series,
        )
        self._showing = Lock()
        self._schedule: Schedule | None = None
        self._show()

    def app(self) -> Starlette:
        """Return the pages."""
        api = DoraApi.over(lambda: self.view, self.settings, self.clock, self._access())
        return create_app(self.settings, self._exposition, api, self._receiver)

    def poll(self) -> bool:
        """Poll once, after a discovery if one is due; return whether the poll is complete."""
        if self._discovery.run_if_due() and self._receiver is not None:
            self._show()  # the poll may take hours, and events are of projects in scope
        complete = self._poll.run()
        self._show()
        self._settling.expect()
        return complete

    def discover(self) -> None:
        """Look for projects and groups if it is time to."""
        if self._discovery.run_if_due():
            self._show()

    def start(self) -> None:
        """Poll and discover in the background from now on."""
        self._schedule = Schedule(
            poll=self.poll,
            discover=self.discover,
            poll_interval=self.settings.poll.interval.timedelta,
            discovery_interval=self.settings.poll.discovery_interval.timedelta,
            stop=self.stop,
        )
        self._settling.begin(
            partial(self._schedule.poll_in, poll=self._settling.read),
            # With events polls may find nothing to ask about.
            next_poll_in=None if self._receiver is not None else self._schedule.next_poll_in,
        )
        self._schedule.start()
        if self._receiver is not None:
            self._named.begin(partial(self._schedule.poll_in, poll=self._named.poll))
            log.info("listening for GitLab's deployment events at %s", PATH)

    def close(self, patience: float = 30.0) -> bool:
        """End what runs and close the store.

        Returns:
            Whether all ended within ``patience`` seconds. If not, a request to GitLab still hangs
            and the store is left open for it; each of its writes is whole or not there.
        """
        self.stop.set()
        if self._schedule is not None:
            if not self._schedule.shut_down(patience):
                return False
            self._schedule = None
        self.client.close()
        self._callers.close()
        self.store.close()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_receiver(self, secret: TokenSource | None) -> Receiver | None:
        if secret is None:
            return None
        return Receiver(
            secret,
            clock=self.clock,
            in_scope=lambda project_id: self.view.find_project(str(project_id)) is not None,
            announce=self._named.add,
            count=self.status.event,
        )

    def _poll_named(self, named: Mapping[int, Collection[str]]) -> None:
        """Poll the projects that events named."""
        self._poll.run(named)
        self._show()
        self._settling.expect()

    def _read_links(self) -> None:
        """Read the merge requests that are final by now."""
        self._poll.read_links()
        self._show()

    def _access(self) -> Access:
        if self.settings.api.auth == "none":
            return OpenAccess()
        return GitLabAccess(self._callers, self.clock)

    def _show(self) -> None:
        """Compute what is shown from what is stored."""
        with self._showing:
            self.view = self._ledger.view(self._poll.take_changes())
            self._exposition.show(take_snapshot(self.view, self.settings))


def _verification(settings: Settings) -> bool | str:
    if settings.gitlab.ca_file is not None and settings.gitlab.ssl_verify:
        return str(settings.gitlab.ca_file)
    return settings.gitlab.ssl_verify


def _token_of(source: TokenSource) -> Callable[[], str]:
    """Return how GitLab's client gets the token; a file that went bad refuses the request."""

    def token() -> str:
        try:
            return source.current()
        except TokenError as error:
            raise UnauthorizedError("; ".join(error.messages)) from None

    return token
