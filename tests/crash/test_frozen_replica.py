"""Three replicas on one PostgreSQL, of which the one that polls is frozen for a while."""

import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.simulator import SimulatedGitLab
from tests.crash.replicas import (
    Replica,
    begins_of,
    deploying,
    estate,
    rows,
    runs_of,
    three_replicas,
    wait_for_poll,
)
from tests.postgres import Server, postgres
from tests.waiting import wait_until

__all__ = ["postgres"]

FREEZES = 2
INTERVAL = 4
PROJECTS = 10


def freeze_the_leader(replicas: list[Replica], gitlab: SimulatedGitLab) -> None:
    """Freeze the one that polls as it begins a poll; let it go on once another has polled."""
    (leader,) = (one for one in replicas if one.leads())
    others = [one for one in replicas if one is not leader]
    asked = len(gitlab.requests)
    wait_until(lambda: len(gitlab.requests) > asked, 60, 0.005)
    leader.process.process.send_signal(signal.SIGSTOP)
    frozen_at = datetime.now(UTC)
    try:
        wait_until(lambda: any(one.leads() for one in others), 60)
        assert datetime.now(UTC) - frozen_at <= timedelta(seconds=INTERVAL)
        wait_until(lambda: gitlab.requests[-1].token != leader.token, 60)
        wait_for_poll(others)
    finally:
        leader.process.process.send_signal(signal.SIGCONT)
    wait_for_poll(replicas)
    assert sum(one.leads() for one in replicas) == 1


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_frozen_leader_is_replaced_and_neither_asks_nor_stores_when_it_wakes_up(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, environments = estate(PROJECTS)
    url = postgres.create_database()
    with (
        SimulatedGitLab(world) as gitlab,
        three_replicas(gitlab, url, tmp_path, INTERVAL) as replicas,
    ):
        with deploying(world, environments):
            for _ in range(FREEZES):
                freeze_the_leader(replicas, gitlab)
        for _ in range(3):
            wait_for_poll(replicas)
        requests = list(gitlab.requests)

    # Not one request of who woke up.
    assert len(runs_of(requests)) == FREEZES + 1
    deployed = {(one.id, one.environment.project.id) for one in world.deployments.values()}
    stored = rows(url, b"SELECT id, project_id FROM deployments")
    assert (len(stored), set(stored)) == (len(deployed), deployed)
    assert rows(url, b"SELECT sum(deployments) FROM counters WHERE kind = 'project'") == [
        (len(deployed),)
    ]
    gaps = [after - before for before, after in pairwise(begins_of(requests))]
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{FREEZES} freezes, {len(deployed)} deployments, polls every {INTERVAL} s, "
            f"from the begin of one to the next at most {max(gaps)}"
        )
