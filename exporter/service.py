"""The exporter put together: store, GitLab, polls and pages, from settings to a running service."""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from threading import Event, Lock
from types import TracebackType
from typing import Self

from starlette.applications import Starlette

from exporter.api import Access, DoraApi, GitLabAccess, OpenAccess
from exporter.asking import new_client, token_of
from exporter.clock import Clock, SystemClock
from exporter.config import Settings, TokenSource
from exporter.gitlab import (
    Budget,
    Callers,
    GitLabSource,
    StoppedError,
    token_expires_at,
)
from exporter.instant import microseconds
from exporter.ledger import Ledger
from exporter.memory import give_back
from exporter.metrics.carried import Snapshots
from exporter.metrics.exposition import Exposition
from exporter.poller import (
    Beginning,
    Discovery,
    Duties,
    NamedProjects,
    Poll,
    Replica,
    Schedule,
    Settling,
    Status,
    TokenExpiry,
)
from exporter.store import Store, UnusableError
from exporter.web.app import create_app
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
            StoreError: if the store cannot be opened, or is damaged.
        """
        self.settings = settings
        self.clock = clock or SystemClock()
        self.stop = Event()
        self.status = Status()
        self.store = Store.open(
            settings.store.url, to_poll=True, poll_interval=settings.poll.interval.timedelta
        )
        # Ends polls: with the exporter, or when another on the same database takes them over.
        self._halt = Event() if self.store.shared else self.stop
        self.store.leadership.when_lost = self._halt.set
        self.budget = Budget(
            self.clock,
            self._halt,
            may_ask=self.store.leadership.confirmed,
            **settings.gitlab.limits,
        )
        # Callers of the JSON API spend a budget of their own: they must not hold up the polls.
        self._callers = Callers(
            settings.gitlab.url,
            budget=Budget(
                self.clock, self.stop, requests_per_second=settings.gitlab.max_requests_per_second
            ),
            observer=self.status.request,
            ssl_verify=settings.gitlab.verification,
            timeout=min(settings.gitlab.timeout.seconds, _CALLER_TIMEOUT),
        )
        self._token = token_of(token)
        self.client = new_client(
            settings,
            self._token,
            clock=self.clock,
            stop=self._halt,
            budget=self.budget,
            observer=self.status.request,
        )
        self._source = GitLabSource(self.client, self.clock)
        self._renew()
        self.replica = Replica(
            self.store,
            self.status,
            Duties(self._take_over, self._step_down, self._show),
            clock=self.clock,
            stop=self.stop,
            interval=settings.poll.interval.timedelta,
        )
        self._receiver = self._new_receiver(webhook_secret or settings.webhook.secret_source())
        self._ledger = Ledger(self.store, settings)
        self._snapshots = Snapshots(settings)
        self.exposition = Exposition(
            self.status,
            lambda: self.budget.remaining,
            # A poll that events cause may come just before the one that asks the others.
            fresh_for=microseconds(settings.effective_freshness + settings.poll.interval.timedelta),
            max_series=settings.metrics.max_series,
        )
        self._showing = Lock()
        self._started = False
        self._schedule: Schedule | None = None
        self._begin_to_show()

    def app(self) -> Starlette:
        """Return the pages."""
        api = DoraApi.over(
            lambda: self.view, self.settings, self.clock, self._access(), self.store.provenance
        )
        return create_app(self.settings, self.exposition, api, self._receiver)

    def poll(self) -> bool:
        """Poll once, after a discovery if one is due; return whether the poll is complete.

        It is not where another exporter on the same database polls.

        Raises:
            UnusableError: if nothing can be stored.
        """
        began = self.clock.monotonic()
        try:
            return self._poll_all()
        except UnusableError:
            self.status.polled(up=False, seconds=self.clock.monotonic() - began)
            raise

    def _poll_all(self) -> bool:
        if not self.replica.begin_poll():
            return False
        if self._discovery.run_if_due() and self._receiver is not None:
            self._publish()  # the poll may take hours, and events are of projects in scope
        complete = self._poll.run()
        self._publish()
        self._settling.expect()
        if complete:
            with suppress(StoppedError):
                self._token_expiry.look_if_due()
        return complete

    def discover(self) -> None:
        """Look for projects and groups if it is time to."""
        if self.replica.leads and self._discovery.run_if_due():
            self._publish()

    def start(self) -> None:
        """Poll and discover in the background from now on, or when this exporter comes to lead."""
        self._started = True
        if self._receiver is not None:
            log.info("listening for GitLab's deployment events at %s", PATH)
        if self.store.shared:
            self.replica.start()
        else:
            self._begin_polls(Beginning())

    def close(self, patience: float = 30.0) -> bool:
        """End what runs and close the store.

        Returns:
            Whether all ended within ``patience`` seconds. If not, a request to GitLab still hangs
            and the store is left open for it; each of its writes is whole or not there.
        """
        self.stop.set()
        self._halt.set()
        last = self.clock.monotonic() + patience
        if not self.replica.end(patience):
            return False
        if not self._step_down(max(0.0, last - self.clock.monotonic())):
            return False
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
            announce=self.replica.relay.add if self.store.shared else self._named.add,
            count=self.status.event,
        )

    def _renew(self) -> None:
        """Make anew what polls: it may remember nothing from before another exporter polled."""
        self._discovery = Discovery(
            self.settings, self.client, self._source, self.store, self.clock
        )
        self._poll = Poll(
            self.settings,
            self._source,
            self.store,
            self.status,
            clock=self.clock,
            stop=self._halt,
        )
        self._token_expiry = TokenExpiry(
            partial(token_expires_at, self.client),
            self._token,
            self.status.token_expires,
            self.clock,
        )
        self._named = NamedProjects(
            self._poll_named,
            self.store.readings.unshown,
            clock=self.clock,
            spacing=self.settings.webhook.spacing.seconds,
        )
        self._settling = Settling(self._read_links, self._poll.all_settled_in)

    def _take_over(self, beginning: Beginning) -> NamedProjects:
        """Poll from now on, in place of another exporter; what that one began has ended."""
        self._renew()
        self._halt.clear()
        if self._started:
            self._begin_polls(beginning)
        return self._named

    def _begin_polls(self, beginning: Beginning) -> None:
        schedule = self._schedule = Schedule(
            poll=self.poll,
            discover=self.discover,
            poll_interval=self.replica.interval,
            discovery_interval=self.settings.poll.discovery_interval.timedelta,
            stop=self._halt,
            poll_in=beginning.poll,
            discover_in=beginning.earliest,
        )
        earliest = self.clock.monotonic() + beginning.earliest

        def poll_in(seconds: float, poll: Callable[[], object]) -> None:
            schedule.poll_in(max(seconds, earliest - self.clock.monotonic()), poll)

        self._settling.begin(
            partial(poll_in, poll=self._settling.read),
            # With events polls may find nothing to ask about.
            next_poll_in=None if self._receiver is not None else schedule.next_poll_in,
        )
        schedule.start()
        if self._receiver is not None:
            self._named.begin(partial(poll_in, poll=self._named.poll))

    def _step_down(self, patience: float = 0.0) -> bool:
        """Let no more polls begin, and the running ones end; return whether all have."""
        self._halt.set()
        if self._schedule is not None:
            if not self._schedule.shut_down(patience):
                return False
            self._schedule = None
        return True

    def _poll_named(self, named: Mapping[int, Collection[str]]) -> None:
        """Poll the projects that events named."""
        self._poll.run(named)
        self._publish()
        self._settling.expect()

    def _read_links(self) -> None:
        """Read the merge requests that are final by now."""
        self._poll.read_links()
        self._publish()

    def _publish(self) -> None:
        """Show what is stored, here and where others follow; a cut off poll tells nothing."""
        self._show()
        if not self._halt.is_set():
            self.replica.publish()

    def _access(self) -> Access:
        if self.settings.api.auth == "none":
            return OpenAccess()
        return GitLabAccess(self._callers, self.clock)

    def _begin_to_show(self) -> None:
        """Show what is stored; where that makes no sense, tell whether the file is damaged."""
        try:
            self._show()
        except Exception:
            with self.store:
                self.store.check()
            raise

    def _show(self) -> None:
        """Compute what is shown from what is stored."""
        with self._showing:
            self.view = self._ledger.view()
            self.exposition.show(self._snapshots.take(self.view))
        give_back()
