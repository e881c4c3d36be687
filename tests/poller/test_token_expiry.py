from datetime import UTC, datetime, timedelta
from pathlib import Path

from exporter.simulator import Fault, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter

EXPIRY = "exporter_token_expiry_timestamp_seconds"
PATH = "/personal_access_tokens/self"


def midnight_in(world: World, days: int) -> datetime:
    return datetime.combine(world.clock().date(), datetime.min.time(), UTC) + timedelta(days=days)


def with_token_file(start: StartExporter, file: Path) -> DrivenExporter:
    return start(gitlab={"token": None, "token_file": str(file)})


def asked(gitlab: SimulatedGitLab) -> int:
    return sum(one.path.endswith(PATH) for one in gitlab.requests)


def test_the_expiry_of_the_token_is_told(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    world.add_project("acme/app")
    expiry = midnight_in(world, 20)
    world.add_token("glpat-ends", expires_at=expiry, admin=True)
    exporter = start(gitlab={"token": "glpat-ends"})
    assert exporter.value(EXPIRY) is None
    assert exporter.poll()
    assert exporter.value(EXPIRY) == expiry.timestamp()
    clock.advance(hours=23)
    assert exporter.poll()
    assert asked(gitlab) == 1
    clock.advance(hours=2)
    assert exporter.poll()
    assert asked(gitlab) == 2


def test_a_token_without_expiry_has_none(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab
) -> None:
    world.add_project("acme/app")
    assert exporter.poll()
    assert asked(gitlab) == 1
    assert exporter.value(EXPIRY) is None


def test_another_token_is_asked_about_at_once(
    world: World, start: StartExporter, tmp_path: Path
) -> None:
    world.add_project("acme/app")
    first, second = midnight_in(world, 5), midnight_in(world, 300)
    world.add_token("glpat-first", expires_at=first, admin=True)
    world.add_token("glpat-second", expires_at=second, admin=True)
    file = tmp_path / "token"
    file.write_text("glpat-first\n")
    exporter = with_token_file(start, file)
    assert exporter.poll()
    assert exporter.value(EXPIRY) == first.timestamp()
    file.write_text("glpat-second\n")
    assert exporter.poll()
    assert exporter.value(EXPIRY) == second.timestamp()


def test_what_is_known_stays_while_gitlab_fails_and_is_asked_again_within_an_hour(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    world.add_project("acme/app")
    expiry = midnight_in(world, 20)
    world.add_token("glpat-ends", expires_at=expiry, admin=True)
    exporter = start(gitlab={"token": "glpat-ends"})
    assert exporter.poll()
    clock.advance(days=1)
    gitlab.faults.add(Fault("status", PATH, status=500))
    assert exporter.poll()
    assert exporter.value(EXPIRY) == expiry.timestamp()
    gitlab.faults.clear()
    before = asked(gitlab)
    assert exporter.poll()
    assert asked(gitlab) == before
    clock.advance(hours=1)
    assert exporter.poll()
    assert asked(gitlab) == before + 1
