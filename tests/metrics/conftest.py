"""A small exposition whose every value is known."""

from datetime import timedelta
from gzip import decompress
from random import Random

import pytest

from exporter.dora.arithmetic import Period
from exporter.dora.facts import Group, Project
from exporter.instant import Instant, from_datetime
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Row, Snapshot
from exporter.poller import Status
from tests.filling import utc

POLLED_AT = from_datetime(utc("2026-03-31T10:00") + timedelta(milliseconds=250))


def project(path: str, *, number: int = 1, polled_at: Instant | None = POLLED_AT) -> Project:
    """Return a project that was polled."""
    return Project(number, path, covered_since=0, polled_at=polled_at)


def row(tier: str = "production", total: int = 12, *, of_project: bool = True) -> Row:
    """Return numbers with a lead time in the trailing window, and none in the one before."""
    return Row(
        tier,
        deployments_total=total,
        last_deployment=from_datetime(utc("2026-03-30T08:30")),
        current={"7d": Period(7, 1.0, {50: 3600.5, 75: 7200.0, 95: 86400.0}, 4)},
        before={"7d": Period(0, 0.0, {}, 0)},
        linked={"7d": 0.75} if of_project and tier == "production" else {},
    )


def scraped(exposition: Exposition, *, accept: str = "", gzip: bool = False) -> bytes:
    """Return what a scrape of everything reads, unpacked."""
    body = exposition.scrape(accept=accept, gzip=gzip).answer().whole()
    return decompress(body) if gzip else body


@pytest.fixture
def status() -> Status:
    """What the exporter tells of itself, the same at each run."""
    status = Status()
    status.request("/projects/:id/deployments", "200")
    status.request("/projects/:id/deployments", "200")
    status.request("/graphql", "429")
    status.failed(2, "500 Internal Server Error")
    status.succeeded([1])
    status.polled(up=True, seconds=1.5)
    status.event("accepted", 0)
    status.event("ignored", 7)
    status.links("gitlab", 12)
    status.links("compare", 3)
    status.token_expires(1_777_000_000_000_000)
    return status


@pytest.fixture
def exposition(status: Status) -> Exposition:
    """Two projects, of which one was never read, in a group and a subgroup."""
    exposition = Exposition(status, lambda: 1999)
    exposition.show(
        Snapshot(
            POLLED_AT,
            [
                (project("acme/shop/app"), [row()]),
                (project("acme/new", number=2, polled_at=None), []),
            ],
            [
                (Group(5, "acme"), [row(total=13, of_project=False)]),
                (Group(6, "acme/shop"), [Row("staging", 3, None, {}, {})]),
            ],
        )
    )
    return exposition


@pytest.fixture
def rng() -> Random:
    """A source of chance that is the same at each run."""
    return Random(7)
