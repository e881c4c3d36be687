"""What a scrape reads, in both formats, to the letter."""

import gzip
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.metrics.catalogue import BUILD_INFO, EVERY
from exporter.metrics.exposition import Exposition
from exporter.metrics.rendered import Rendered
from exporter.metrics.snapshot import Snapshot
from exporter.poller import Status
from tests.metrics.conftest import POLLED_AT, project, row, scraped
from tests.tools import require

HERE = Path(__file__).parent
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"

# What labels of projects never hold in GitLab, and of endpoints and windows neither: still no
# such value may break the exposition.
ODD = [
    'quo"te',
    "back\\slash",
    "line\nbreak",
    "\\n",
    '"}',
    "{a=1,}",
    " # HELP x",
    "Grüße/日本語",
    "\U0001f680",
    "\t",
    "",
]


def families(text: str, accept: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Every sample of an exposition, by name and labels."""
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in (read_open_metrics if accept else read_text)(text):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in samples.setdefault(sample.name, {})
            samples[sample.name][labels] = sample.value
    return samples


@pytest.mark.parametrize(
    ("accept", "file"), [("", "exposition.txt"), (OPEN_METRICS, "exposition.openmetrics.txt")]
)
def test_it_is_to_the_letter(exposition: Exposition, accept: str, file: str) -> None:
    lines = scraped(exposition, accept=accept).decode().splitlines(keepends=True)
    ours = [one for one in lines if "gitlab_dora_" in one and BUILD_INFO.name not in one]
    assert "".join(ours) == (HERE / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_every_family_is_there_with_its_kind_and_help(exposition: Exposition, accept: str) -> None:
    """Also one without samples, so that it can be looked up."""
    text = scraped(exposition, accept=accept).decode()
    for family in EVERY:
        name = family.name.removesuffix("_total") if accept else family.name
        assert f"\n# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n" in f"\n{text}"


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_no_series_tells_when_a_counter_was_created(exposition: Exposition, accept: str) -> None:
    """They would double the counters' series, and say when the exporter started at best."""
    assert b"_created" not in scraped(exposition, accept=accept)


def test_promtool_has_nothing_to_say(exposition: Exposition) -> None:
    body = scraped(exposition)
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_both_formats_say_the_same(exposition: Exposition) -> None:
    plain = families(scraped(exposition).decode(), "")
    strict = families(scraped(exposition, accept=OPEN_METRICS).decode(), OPEN_METRICS)
    ours = {name: samples for name, samples in plain.items() if name.startswith("gitlab_dora_")}
    assert len(ours) == len(EVERY) - 2  # of previous windows no merge request is known
    assert ours == {name: strict[name] for name in ours}


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_odd_values_of_labels_come_through(status: Status, accept: str, odd: str) -> None:
    exposition = Exposition(status, lambda: None)
    status.request(odd, "200")
    period = row().current["7d"]
    numbers = replace(row(tier=odd), current={odd: period})
    exposition.show(Snapshot(POLLED_AT, [(project(f"{odd}/app"), [numbers])], []))
    read = families(scraped(exposition, accept=accept).decode(), accept)
    labels = (("environment_tier", odd), ("group", odd), ("project", f"{odd}/app"))
    key = tuple(sorted((*labels, ("project_id", "1"), ("window", odd))))
    assert read["gitlab_dora_project_recent_deployments"] == {key: 7.0}
    requests = read["gitlab_dora_exporter_gitlab_requests_total"]
    assert requests[("code", "200"), ("endpoint", odd)] == 1.0


def test_values_keep_their_full_precision(status: Status, rng: Random) -> None:
    for _ in range(50):
        exact = rng.uniform(0, 1e9)
        period = replace(row().current["7d"], lead_time={50: exact})
        exposition = Exposition(status, lambda: None)
        shown = replace(row(), current={"7d": period})
        exposition.show(Snapshot(POLLED_AT, [(project("a/b"), [shown])], []))
        name = "gitlab_dora_project_lead_time_for_changes_seconds"
        read = families(scraped(exposition).decode(), "")
        assert list(read[name].values()) == [exact]


def test_a_compressed_scrape_holds_the_same(exposition: Exposition) -> None:
    exposition.show(
        Snapshot(POLLED_AT, [(project(f"a/{n}", number=n), [row()]) for n in range(99)], [])
    )
    plain, packed = exposition.scrape().answer(), exposition.scrape(gzip=True).answer()
    text = gzip.decompress(packed.whole())
    assert families(text.decode(), "").keys() == families(plain.whole().decode(), "").keys()
    assert packed.size == len(packed.whole()) < plain.size / 3
    assert packed.content_type == plain.content_type


def test_what_was_shown_before_is_gone_at_once(exposition: Exposition) -> None:
    """A project that left the scope leaves the exposition."""
    assert b"acme/shop/app" in scraped(exposition)
    exposition.show(Snapshot(POLLED_AT, [(project("acme/other"), [row()])], []))
    after = scraped(exposition)
    assert b"acme/shop/app" not in after
    assert b'project="acme/other"' in after


def test_who_answers_scrapes_has_the_numbers_before_they_are_called_ready(
    exposition: Exposition, status: Status
) -> None:
    """And is given them again only when they changed, or polls failed."""
    handed: list[tuple[Rendered, Snapshot]] = []
    exposition.publish_to(lambda rendered: handed.append((rendered, exposition.snapshot)))
    before = exposition.snapshot
    exposition.show(Snapshot(POLLED_AT + 1, [], []))
    exposition.publish()
    status.failed(1, "gone")
    exposition.publish()
    assert [shown.polled_at for _, shown in handed] == [
        POLLED_AT,
        POLLED_AT,
        POLLED_AT + 1,
        POLLED_AT + 1,
    ]
    assert handed[1][1] is before
    first, news, same, failed = (rendered.texts["text"] for rendered, _ in handed)
    assert first is not news
    assert same is news
    assert failed is not news
