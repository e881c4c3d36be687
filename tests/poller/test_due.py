from collections.abc import Collection
from typing import Any

import pytest

from exporter.config import Settings
from exporter.dora.facts import Project
from exporter.instant import MICROSECONDS
from exporter.poller.due import BUSY, Due

MINUTE = 60 * MICROSECONDS
NOW = 1_000_000 * MINUTE
APP = 7


def due(
    minutes: float | None,
    *,
    failing: bool = False,
    newest: float | None = None,
    webhook: bool = False,
    **poll: Any,
) -> bool:
    """Whether a project is asked that was asked so many minutes ago.

    Args:
        minutes: since it was asked, None if it never was.
        failing: whether that failed.
        newest: minutes since its newest deployment.
        webhook: whether GitLab tells of deployments.
        poll: settings.
    """
    content: dict[str, Any] = {
        "gitlab": {"url": "http://gitlab", "token": "t"},
        "projects": [APP],
        "poll": {"interval": "5m", "freshness": "15m", "reconcile_interval": "6h", **poll},
    }
    if webhook:
        content["webhook"] = {"secret": "a-secret-of-the-webhook"}
    project = Project(
        APP, "app", polled_at=None if minutes is None else NOW - round(minutes * MINUTE)
    )
    return bool(
        Due(Settings.model_validate(content)).choose(
            [project],
            NOW,
            failing={APP} if failing else (),
            newest={} if newest is None else {APP: NOW - round(newest * MINUTE)},
        )
    )


def test_what_was_never_read_is_due() -> None:
    assert due(None)
    assert due(None, webhook=True)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(5, False), (9.9, False), (10, True), (15, True), (600, True)]
)
def test_a_sleeper_is_due_when_the_next_poll_would_be_too_late(
    minutes: float, expected: bool
) -> None:
    assert due(minutes) is expected
    assert due(minutes, newest=BUSY / MINUTE + 1) is expected


def test_a_busy_project_is_due_at_each_poll() -> None:
    assert due(5, newest=BUSY / MINUTE - 1)
    assert due(0, newest=0)


def test_what_failed_is_due_at_each_poll() -> None:
    assert due(5, failing=True)
    assert due(5, failing=True, webhook=True)


@pytest.mark.parametrize("freshness", ["1s", "5m"])
def test_freshness_within_the_interval_has_all_asked_at_each_poll(freshness: str) -> None:
    assert due(5, freshness=freshness)
    assert due(0, freshness=freshness)


def test_with_a_webhook_all_are_asked_once_per_reconcile_interval() -> None:
    assert not due(354, newest=1, webhook=True)
    assert due(355, webhook=True)


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    assert due(-30)


@pytest.mark.parametrize(("minutes", "expected"), [(0.5, False), (1.9, False), (2, True)])
def test_without_freshness_it_is_three_intervals(minutes: float, expected: bool) -> None:
    assert due(minutes, interval="1m", freshness=None) is expected


def test_with_a_webhook_a_request_is_filled_with_those_that_wait_longest() -> None:
    """So that events do not scatter the projects over the day, with a request for a few each."""
    content = {
        "gitlab": {"url": "http://gitlab", "token": "t"},
        "projects": [APP],
        "webhook": {"secret": "a-secret-of-the-webhook"},
    }
    projects = [
        Project(number, f"app-{number}", polled_at=NOW - round(minutes * MINUTE))
        for number, minutes in enumerate((10, 354, 355, 356, 20, 300))
    ]

    def choose(together: int, *, failing: Collection[int] = ()) -> list[int]:
        due = Due(Settings.model_validate(content))
        chosen = due.choose(projects, NOW, failing=failing, newest={}, together=together)
        return [one.id for one in chosen]

    assert choose(1) == [2, 3]
    assert choose(2) == [2, 3]
    assert choose(4) == [2, 3, 1, 5]
    assert choose(2, failing=[0]) == [0, 2, 3, 1]
    assert sorted(choose(40)) == [0, 1, 2, 3, 4, 5]
    del projects[2:4]
    assert choose(40) == []
