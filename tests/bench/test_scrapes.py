"""How long a scrape of 100,000 series takes: against prometheus-client, and while a poll runs."""

import gzip
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from statistics import median
from threading import Event, Thread, get_native_id
from time import perf_counter, sleep
from typing import Any

import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from exporter.api import DoraApi, OpenAccess
from exporter.clock import SystemClock
from exporter.dora.arithmetic import Period
from exporter.dora.facts import Project
from exporter.instant import Instant
from exporter.ledger import Ledger
from exporter.metrics.collector import collectors_of
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Row, Snapshot
from exporter.metrics.tables import dora_tables
from exporter.poller import Status
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import bulk
from exporter.store import Store
from exporter.web.app import create_app
from tests.bench.fleet import EPOCH
from tests.bench.loading import load_on
from tests.bench.served import served
from tests.filling import settings_with
from tests.process import ANY_PORT, started

SERIES = 100_000
ROUNDS = 11
WINDOWS = ("1d", "7d", "30d", "90d")

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

Show = Callable[[str], None]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    def print_now(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}")
            sys.stdout.flush()

    return print_now


def snapshot(polled_at: Instant = EPOCH) -> Snapshot:
    """Return projects with 46 series each, 100,000 in all or a few more."""
    random = Random(1)

    def period() -> Period:
        number = random.randrange(1, 500)
        lead_time = {one: random.expovariate(1e-5) for one in (50, 75, 95)}
        return Period(number, number / 7, lead_time, number)

    def row() -> Row:
        current, before = ({one: period() for one in WINDOWS} for _ in range(2))
        return Row("production", random.randrange(10_000), polled_at, current, before)

    projects = [
        (Project(n, f"company/team-{n % 40}/app-{n}", 0, polled_at), [row()])
        for n in range(-(-SERIES // 46))
    ]
    return Snapshot(polled_at, projects, [])


class _Ready(Collector):
    """Gives families that were made before: only their text is left to write."""

    def __init__(self, shown: Snapshot) -> None:
        self._metrics = [
            metric
            for table in dora_tables(shown)
            for collector in collectors_of(table)
            for metric in collector.collect()
        ]

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _pages(exposition: Exposition, store: Store) -> Starlette:
    """Return the pages over an exposition and an empty store."""
    settings = settings_with()
    view = Ledger(store, settings).view()
    api = DoraApi.over(lambda: view, settings, SystemClock(), OpenAccess(), store.provenance)
    return create_app(settings, exposition, api)


def _timed(act: Callable[[], bytes]) -> tuple[float, bytes]:
    began = perf_counter()
    body = act()
    return perf_counter() - began, body


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_scrape_takes_a_tenth_of_what_prometheus_client_takes(
    encoding: str, show: Show, tmp_path: Path
) -> None:
    """Ours over HTTP, to the last byte; theirs without."""
    shown = snapshot()
    registry = CollectorRegistry()
    registry.register(_Ready(shown))
    exposition = Exposition(Status(), lambda: None)
    began = perf_counter()
    exposition.show(shown)
    rendering = perf_counter() - began

    def theirs() -> bytes:
        text: bytes = generate_latest(registry)
        return gzip.compress(text) if encoding == "gzip" else text

    ours_took, theirs_took = [], []
    with (
        Store.open(f"sqlite:///{tmp_path / 'dora.db'}") as store,
        served(_pages(exposition, store)) as port,
        closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection,
    ):

        def ours() -> bytes:
            connection.request("GET", "/metrics", headers={"accept-encoding": encoding})
            return connection.getresponse().read()

        for _ in range(ROUNDS):
            seconds, body = _timed(ours)
            ours_took.append(seconds)
            seconds, other = _timed(theirs)
            theirs_took.append(seconds)
    text, reference = (gzip.decompress(one) if encoding == "gzip" else one for one in (body, other))
    assert reference.count(b"\ngitlab_dora_project_") >= SERIES
    assert text.startswith(reference[: reference.index(b"# HELP gitlab_dora_group_")])
    ratio = median(ours_took) / median(theirs_took)
    show(
        f"{encoding:8} {SERIES} series: {1e3 * median(ours_took):.1f} ms, "
        f"prometheus-client {1e3 * median(theirs_took):.0f} ms, ratio {ratio:.3f}; "
        f"{len(body) / 1e6:.1f} MB against {len(other) / 1e6:.1f} MB; "
        f"rendering once {rendering:.2f} s"
    )
    assert ratio <= 0.1


PROJECTS = 3000
ENCODINGS = ("gzip", "identity")
SECONDS = {"idle": 60.0, "polling": 300.0, "constant": 60.0}


def _config(folder: Path, url: str, interval: str) -> None:
    config = {
        "gitlab": {"url": url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
        "groups": ["bulk"],
        "poll": {"interval": interval, "history": "200d"},
        "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
        "api": {"auth": "none"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def _deploy(world: World, stop: Event) -> None:
    """Finish a deployment of another project ten times a second."""
    _elsewhere()
    random = Random(1)
    environments = list(world.environments.values())
    while not stop.wait(0.1):
        one = random.choice(environments)
        merged = [world.add_merge_request(one.project, merged_at=world.clock())]
        made = world.add_deployment(
            one, status="running", created_at=world.clock(), merge_requests=merged
        )
        world.finish(made)


def _elsewhere() -> None:
    """Have this thread, and those that it starts, take the processor only where it is idle.

    GitLab is another machine's work, and must not hold up the exporter or who scrapes it.
    """
    os.sched_setscheduler(get_native_id(), os.SCHED_IDLE, os.sched_param(0))


def _scraped(url: str, seconds: float, encodings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Scrape once a second in each encoding, their turns half a second apart; give the reports."""
    with ThreadPoolExecutor() as scrapers:
        running = {}
        for encoding in encodings:
            running[encoding] = scrapers.submit(
                load_on, url, "none", rate=1, seconds=seconds, encoding=encoding, connections=1
            )
            sleep(0.5)
        return {encoding: report.result() for encoding, report in running.items()}


def test_scrapes_are_quick_while_polls_run(tmp_path: Path, show: Show) -> None:
    """Against the same scrapes between polls, and against as many bytes that are always the same.

    The last tells how uneven answers of this size are on this machine whoever gives them.
    """
    world = World()
    bulk(
        world,
        seed=1,
        projects=PROJECTS,
        deployments_per_project=10,
        days=190,
        end=world.clock(),
    )
    reports = {}
    with ThreadPoolExecutor(1, initializer=_elsewhere) as starter:
        gitlab = starter.submit(SimulatedGitLab(world).start).result()
    with ExitStack() as stack:
        stack.callback(gitlab.stop)
        for state, interval in (("idle", "6h"), ("polling", "1s")):
            _config(tmp_path, gitlab.url, interval)
            arguments = ["run", "--config.file", str(tmp_path / "config.yaml"), *ANY_PORT]
            with started(arguments, folder=tmp_path) as exporter:
                url = exporter.url()
                exporter.wait_until_ready(url, seconds=600)
                stop = Event()
                feeder = Thread(target=_deploy, args=(world, stop))
                if state == "polling":
                    feeder.start()
                reports[state] = _scraped(f"{url}/metrics", SECONDS[state], ENCODINGS)
                stop.set()
                if state == "polling":
                    feeder.join()
                    polls = sum("poll finished" in line for line in exporter.errors)
                else:
                    body = requests.get(f"{url}/metrics", stream=True, timeout=60).raw.read()
    with served(Starlette(routes=[Route("/", lambda _: Response(body))])) as port:
        constant = _scraped(f"http://127.0.0.1:{port}/", SECONDS["constant"], ["gzip"])["gzip"]
    samples = [line for line in gzip.decompress(body).splitlines() if not line.startswith(b"#")]
    assert len(samples) >= SERIES
    ratios = {}
    for encoding in ENCODINGS:
        idle, polling = (reports[state][encoding] for state in ("idle", "polling"))
        assert idle["errors"] == polling["errors"] == 0
        ratios[encoding] = polling["p50"] / idle["p50"]
        show(
            f"{encoding:8} idle p50 {idle['p50']:.1f} ms, p99 {idle['p99']:.1f} ms; "
            f"{polls} polls: p50 {polling['p50']:.1f} ms, p99 {polling['p99']:.1f} ms; "
            f"against the idle median: median {ratios[encoding]:.2f}, "
            f"p99 {polling['p99'] / idle['p50']:.2f}"
        )
    show(
        f"the same {len(body) / 1e6:.1f} MB each time: p50 {constant['p50']:.1f} ms, "
        f"p99 {constant['p99']:.1f} ms, p99 by median {constant['p99'] / constant['p50']:.2f}"
    )
    assert constant["errors"] == 0
    assert max(ratios.values()) <= 2
