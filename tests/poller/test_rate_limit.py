from datetime import timedelta

import pytest

from exporter.poller import Status
from exporter.simulator import Fault, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy


@pytest.fixture
def deployments(world: World) -> int:
    """A number of deployments that takes several minutes to read at 60 requests a minute."""
    world.features.graphql = False
    for number in range(10):
        production = add_app(world, f"acme/app-{number}")
        for count in range(20):
            deploy(world, production, HOUR, ago=HOUR * (1 + count))
    return 200


def refused(gitlab: SimulatedGitLab) -> int:
    return sum(record.status == 429 for record in gitlab.requests)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_poll_under_a_rate_limit_takes_its_time_and_provokes_no_refusals(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    start: StartExporter,
    clock: FakeClock,
    deployments: int,
    concurrency: int,
) -> None:
    world.features.rate_limit_per_minute = 60
    exporter = start(gitlab={"concurrency": concurrency})
    begun = clock()
    assert exporter.poll()
    assert exporter.group_recent("acme") == deployments
    assert exporter.value("exporter_stale_projects") == 0
    assert refused(gitlab) <= 1
    minutes = len(gitlab.requests) // 54  # a tenth is left for others
    # An answer that is under way when another thread moves the clock seems to have taken a minute.
    most = minutes + 1 if concurrency == 1 else 4 * minutes
    assert timedelta(minutes=minutes - 1) <= clock() - begun <= timedelta(minutes=most)
    assert exporter.value("exporter_gitlab_rate_limit_remaining") is not None


def test_meanwhile_ready_says_what_is_left_to_read(
    world: World,
    exporter: DrivenExporter,
    deployments: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.features.rate_limit_per_minute = 60
    read, pages = Status.read, [exporter.page("/-/ready")]

    def read_and_look(status: Status, project_id: int) -> None:
        read(status, project_id)
        pages.append(exporter.page("/-/ready"))

    monkeypatch.setattr(Status, "read", read_and_look)
    assert exporter.poll()
    assert {page.status_code for page in pages} == {503}
    unready = "not ready: the first poll is not complete"
    told = ["", *(f", projects left to read: {left}" for left in range(9, 0, -1)), ""]
    assert [page.text for page in pages] == [f"{unready}{left}\n" for left in told]
    assert exporter.page("/-/ready").text == "ready\n"
    assert exporter.group_recent("acme") == deployments


def test_the_configured_rate_is_kept_over_all_threads(
    gitlab: SimulatedGitLab, start: StartExporter, deployments: int
) -> None:
    exporter = start(gitlab={"max_requests_per_second": 10})
    assert exporter.poll()
    assert exporter.group_recent("acme") == deployments
    moments = sorted(record.at for record in gitlab.requests)
    # A request begins when the clock says so, and reaches GitLab when other threads moved it on.
    for first, later in zip(moments, moments[20:], strict=False):
        assert later - first >= timedelta(seconds=1)
    took = (moments[-1] - moments[0]).total_seconds()
    assert took == pytest.approx(len(moments) / 10, rel=0.05)


@pytest.mark.parametrize(("status", "after"), [(429, 3), (429, 40), (503, 40)])
def test_all_threads_obey_retry_after(
    gitlab: SimulatedGitLab, exporter: DrivenExporter, deployments: int, status: int, after: int
) -> None:
    # Once, and in the middle of the poll.
    fault = Fault("status", "/deployments/50/", status=status, retry_after=after, times=1)
    gitlab.faults.add(fault)
    assert exporter.poll()
    (refusal,) = [record.at for record in gitlab.requests if record.status == status]
    resumed = refusal + timedelta(seconds=after)
    in_flight = refusal + timedelta(milliseconds=100)
    later = [record.at for record in gitlab.requests if record.at > in_flight]
    assert later
    assert min(later) >= resumed
    assert min(later) <= resumed + timedelta(seconds=2)
    assert exporter.group_recent("acme") == deployments


def test_a_refusal_that_does_not_say_how_long_is_waited_out(
    gitlab: SimulatedGitLab, exporter: DrivenExporter, clock: FakeClock, deployments: int
) -> None:
    gitlab.faults.add(Fault("status", "/deployments[?]", status=429, times=3))
    begun = clock()
    assert exporter.poll()
    assert exporter.group_recent("acme") == deployments
    assert clock() - begun >= timedelta(seconds=10)
