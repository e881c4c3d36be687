"""Large expositions: rendered once, and to the letter what prometheus-client would write."""

import gzip
from random import Random

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.dora.arithmetic import Period
from exporter.dora.facts import Group
from exporter.metrics.catalogue import LINKED, POLL_ERRORS
from exporter.metrics.collector import collectors_of
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Row, Snapshot
from exporter.metrics.tables import dora_tables
from exporter.poller import Status
from tests.metrics.conftest import POLLED_AT, project, scraped

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def period(rng: Random) -> Period:
    """Numbers of all sizes, some without a lead time."""
    number = rng.choice([0, 1, 17, 999_999, 1_000_000, 12_345_678])
    seconds = {one: rng.choice([0.0, rng.expovariate(1e-5), 1e6, 1e21]) for one in (50, 75, 95)}
    return Period(number, number / 7, seconds if number else {}, number)


def numbers(rng: Random, tier: str) -> Row:
    """A row of made-up numbers."""
    windows = ("1d", "7d", "30d")
    return Row(
        tier,
        rng.randrange(10**9),
        rng.choice([None, POLLED_AT]),
        {one: period(rng) for one in windows},
        {one: period(rng) for one in windows[1:]},
    )


@pytest.fixture
def large(status: Status, rng: Random) -> Exposition:
    """Three hundred projects with odd names, and some groups."""
    tiers = ("production", "staging")
    exposition = Exposition(status, lambda: 7)
    exposition.show(
        Snapshot(
            POLLED_AT,
            [
                (project(f'a/{n}"\\\n', number=n), [numbers(rng, one) for one in tiers])
                for n in range(300)
            ],
            [(Group(n, "a" + "/b" * n), [numbers(rng, "other")]) for n in range(5)],
        )
    )
    return exposition


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_it_is_what_prometheus_client_writes(large: Exposition, accept: str) -> None:
    registry = CollectorRegistry()
    for table in dora_tables(large.snapshot):
        for collector in collectors_of(table):
            registry.register(collector)
    encoder, _ = choose_encoder(accept)
    ours = encoder(registry).removesuffix(b"# EOF\n").splitlines()
    assert len(ours) > 10_000
    assert scraped(large, accept=accept).splitlines()[: len(ours)] == ours


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_a_large_answer_comes_in_pieces_of_the_promised_size(
    large: Exposition, accept: str
) -> None:
    answer = large.scrape(accept=accept).answer()
    assert not isinstance(answer.body, bytes)
    assert answer.size == len(answer.whole()) > 1 << 20


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_compressed_it_is_at_hand(large: Exposition, accept: str) -> None:
    scrape = large.scrape(accept=accept, gzip=True)
    assert scrape.is_at_hand
    assert not large.scrape(accept=accept).is_at_hand
    body = scrape.answer().whole()
    unchanging = scraped(large, accept=accept).split(b"# HELP process_")[0]
    assert gzip.decompress(body).startswith(unchanging)


def test_failed_polls_are_as_of_the_scrape(large: Exposition, status: Status) -> None:
    """All else is as of the poll."""
    name = POLL_ERRORS.name.encode()
    before = [one for one in scraped(large).splitlines() if one.startswith(name)]
    status.failed(299, "gone")
    after = [one for one in scraped(large, gzip=True).splitlines() if one.startswith(name)]
    assert len(before) == len(after) == 300
    (changed,) = {*after} - {*before}
    assert changed.endswith(b'project_id="299"} 1.0')


def test_the_share_with_merge_requests_can_be_asked_for_alone(exposition: Exposition) -> None:
    text = exposition.scrape(names=[LINKED.name]).answer().whole().decode()
    (sample,) = (one for one in text.splitlines() if not one.startswith("#"))
    assert sample.startswith(f"{LINKED.name}{{")
    assert sample in scraped(exposition).decode().splitlines()


def test_names_with_dots_escaped_are_left_to_prometheus_client(large: Exposition) -> None:
    escaping = f"{OPEN_METRICS}; escaping=dots"
    answer = large.scrape(accept=escaping).answer()
    assert answer.content_type.endswith("escaping=dots")
    assert b"# TYPE gitlab__dora__project__deployments counter\n" in answer.whole()
