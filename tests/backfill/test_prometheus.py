"""A real Prometheus takes a backfill, and answers what the exporter would have shown."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import requests

from tests.backfill.plain import WINDOWS, fill
from tests.backfill.text import Series, by_moment, write
from tests.filling import filled, settings_with, utc
from tests.ports import free_port
from tests.prometheus.server import Prometheus, scraping
from tests.tools import require

NOW = utc("2026-05-10T10:00")
Written = tuple[Path, dict[float, dict[Series, float]]]
LABELS = {"job": "gitlab-dora", "instance": "dora.example.com:10143"}


def load(text: Path, data: Path) -> None:
    """Make blocks of a backfill in the data of a Prometheus that is not running."""
    done = subprocess.run(
        [
            require("promtool"),
            *("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h"),
            text,
            data,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def answered(prometheus: Prometheus, moment: float) -> dict[Series, float]:
    """Every series of projects and groups that an instant query gives for a moment."""
    query = {"query": '{__name__=~"gitlab_dora_(project|group)_.+"}', "time": f"{moment:.3f}"}
    answer = requests.get(f"{prometheus.url}/api/v1/query", params=query, timeout=30)
    assert answer.status_code == 200, answer.text
    found = {}
    for one in answer.json()["data"]["result"]:
        name = one["metric"].pop("__name__")
        found[name, frozenset(one["metric"].items())] = float(one["value"][1])
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A folder with a backfill of two months loaded, and its values by moment."""
    folder = tmp_path_factory.mktemp("backfill")
    with filled(folder, NOW) as facts:
        fill(facts, utc("2026-03-20"), 30, Random(8))
    settings = settings_with(store={"url": f"sqlite:///{folder / 'dora.db'}"}, windows=[*WINDOWS])
    text = write(settings, folder / "out.om", labels=LABELS)
    load(folder / "out.om", folder / "data")
    return folder, by_moment(text)


@pytest.fixture(scope="module")
def prometheus(
    written: Written,
) -> Iterator[Prometheus]:
    folder, _ = written
    with scraping(f"127.0.0.1:{free_port()}", folder, retention="100y") as server:
        yield server


def test_prometheus_answers_every_days_values(prometheus: Prometheus, written: Written) -> None:
    _, values = written
    assert len(values) == 52
    for moment, expected in values.items():
        assert answered(prometheus, moment) == expected


def test_between_the_days_there_is_nothing(prometheus: Prometheus) -> None:
    noon = utc("2026-05-01T12:00").timestamp()
    assert answered(prometheus, noon) == {}


def test_a_counter_rises_by_what_was_deployed(prometheus: Prometheus) -> None:
    """The sums of the counter and of the gauge are the same history."""
    first, last = utc("2026-04-10").timestamp(), utc("2026-05-10").timestamp()
    name, tier = "gitlab_dora_group_deployments_total", ("environment_tier", "production")

    def total(moment: float) -> float:
        return sum(
            value
            for (one, labels), value in answered(prometheus, moment).items()
            if one == name and {tier, ("group", "acme")} <= labels
        )

    (recent,) = (
        value
        for (one, labels), value in answered(prometheus, last).items()
        if one == "gitlab_dora_group_recent_deployments"
        and {tier, ("group", "acme"), ("window", "30d")} <= labels
    )
    assert last - first == timedelta(days=30).total_seconds()
    assert total(last) - total(first) == recent > 0
