"""The demo in a container from which all is taken that can be taken."""

import json
import signal
import time
from collections.abc import Iterator

import pytest

from tests.container.contained import Container, started
from tests.container.engine import Engine
from tests.waiting import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

# In the mask of caught signals.
_SIGTERM = 1 << (signal.SIGTERM - 1)
DEMO = ("demo", "--web.listen-address", ":10143")


@pytest.fixture(scope="module")
def demo(storage: Engine, built: str) -> Iterator[Container]:
    with started(storage, built, *DEMO) as container:
        container.wait_until_ready()
        yield container


def test_it_runs_as_nobody_in_particular_and_without_rights(demo: Container) -> None:
    status = demo.status()
    assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
    assert status["Groups"] in {"", "10001"}
    assert {status[f"Cap{one}"] for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"  # a filter
    mounts = [line.split() for line in demo.execute("cat", "/proc/mounts").splitlines()]
    (root,) = [options for _, place, _, options, *_ in mounts if place == "/"]
    assert root.startswith("ro,")


def test_it_serves_numbers(demo: Container) -> None:
    status, text = demo.get("/metrics")
    assert status == 200
    assert 'gitlab_dora_group_deployments_total{environment_tier="production"' in text
    question = "metric=deployment_frequency&interval=all"
    status, text = demo.get(f"/api/v4/groups/acme/dora/metrics?{question}")
    assert status == 200
    assert json.loads(text) > 0
    assert demo.get("/nothing")[0] == 404


def test_its_health_is_looked_at(demo: Container) -> None:
    """A frozen one is unhealthy after three looks, not one; one that goes on is healthy at once."""
    assert demo.look_at_health()
    assert demo.health() == "healthy"
    demo.signal("STOP")
    try:
        while demo.health() != "unhealthy":
            began = time.monotonic()
            assert not demo.look_at_health()
            # Docker would kill a check that takes as long as this.
            assert time.monotonic() - began < 10
    finally:
        demo.signal("CONT")
    # Looks in the first 30 s after the start are not counted.
    assert demo.inspect()["State"]["Health"]["FailingStreak"] == 3
    wait_until(demo.look_at_health)
    assert demo.health() == "healthy"


def test_it_ends_in_time_and_well(storage: Engine, built: str) -> None:
    with started(storage, built, *DEMO) as container:
        container.wait_until_ready()
        began = time.monotonic()
        assert container.stop() == 0
        assert time.monotonic() - began < 10
        assert "Traceback" not in container.log()


def test_it_ends_at_once_while_it_starts(storage: Engine, built: str) -> None:
    """As soon as Python has begun, long before it listens, and not after the 10 s of Docker."""
    with started(storage, built, *DEMO) as container:
        wait_until(lambda: bool(int(container.status()["SigCgt"], 16) & _SIGTERM))
        began = time.monotonic()
        assert container.stop() in {0, 128 + signal.SIGTERM}
        assert time.monotonic() - began < 10
        assert "Traceback" not in container.log()


def test_it_tells_its_version_and_what_is_wrong(storage: Engine, built: str) -> None:
    """Without anything given it says what is missing, and ends."""
    done = storage.attempt("podman", "run", "--rm", "--network", "none", built, "--version")
    assert done.stdout.startswith("gitlab-dora-exporter ")
    done = storage.attempt("podman", "run", "--rm", "--network", "none", built)
    assert done.returncode == 1
    assert "GITLAB_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr
