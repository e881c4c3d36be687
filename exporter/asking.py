"""How GitLab is asked, as the settings say: with which token, which trust and how much patience."""

from collections.abc import Callable
from threading import Event

from exporter.clock import Clock
from exporter.config import Settings, TokenError, TokenSource
from exporter.gitlab import Budget, Client, UnauthorizedError
from exporter.gitlab.transport import Observer


def new_client(
    settings: Settings,
    token: Callable[[], str],
    *,
    clock: Clock,
    stop: Event,
    budget: Budget,
    observer: Observer,
) -> Client:
    """Return a client of the GitLab that the settings name; the caller closes it."""
    return Client(
        settings.gitlab.url,
        token=token,
        clock=clock,
        stop=stop,
        budget=budget,
        observer=observer,
        ssl_verify=settings.gitlab.verification,
        timeout=settings.gitlab.timeout.seconds,
        connections=settings.gitlab.concurrency,
    )


def token_of(source: TokenSource) -> Callable[[], str]:
    """Return how GitLab's client gets the token; a file that went bad refuses the request."""

    def token() -> str:
        try:
            return source.current()
        except TokenError as error:
            raise UnauthorizedError("; ".join(error.messages)) from None

    return token
