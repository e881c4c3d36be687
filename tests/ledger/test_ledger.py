from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from exporter.dora.columns import DeploymentColumns
from exporter.dora.facts import Group, Project
from exporter.instant import from_datetime
from exporter.ledger import Ledger, View
from tests.filling import Filling, filled, settings_with, utc

NOW = utc("2021-03-31T10:00")
HOUR = timedelta(hours=1)


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Filling]:
    with filled(tmp_path, NOW) as filling:
        filling.scope({1: "acme/shop/app", 2: "acme/lib"}, {5: "acme", 6: "acme/shop"})
        yield filling


def ledger_of(facts: Filling) -> Ledger:
    return Ledger(facts.store, settings_with())


def project(view: View, reference: str) -> Project:
    found = view.find_project(reference)
    assert found is not None
    return found


def group(view: View, reference: str) -> Group:
    found = view.find_group(reference)
    assert found is not None
    return found


def finished(view: View, container: Project | Group, tier: str = "production") -> list[int]:
    return list(view.timeline(container, [tier]).finished)


@contextmanager
def read_projects(facts: Filling) -> Iterator[list[int]]:
    """Note of which projects the deployments are read."""
    history, asked = facts.store.history, list[int]()
    usual = history.columns

    def columns(
        project_ids: Collection[int] | None, *, with_first: bool, with_kinds: bool
    ) -> DeploymentColumns:
        asked.extend(project_ids or [])
        return usual(project_ids, with_first=with_first, with_kinds=with_kinds)

    with patch.object(history, "columns", columns):
        yield asked


def test_finds_projects_and_groups_by_id_and_by_path_in_any_case(facts: Filling) -> None:
    view = ledger_of(facts).view()
    assert project(view, "1") == project(view, "ACME/Shop/app")
    assert group(view, "6") == group(view, "acme/SHOP")
    assert view.find_project("5") is None
    assert view.find_group("acme/shop/app") is None


def test_nothing_of_a_project_counts_before_a_poll_of_it_is_complete(facts: Filling) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    view = ledger_of(facts).view()
    app = project(view, "1")
    assert finished(view, app) == finished(view, group(view, "5")) == []
    assert view.covered_since(app) is None
    assert view.polled_to(app) is None
    assert view.tiers_of(app) == frozenset()


def test_what_finished_after_the_last_complete_poll_does_not_count_yet(facts: Filling) -> None:
    production = facts.environment(1)
    facts.deploy(production, NOW)
    facts.deploy(production, NOW + HOUR)
    facts.poll()
    ledger = ledger_of(facts)
    view = ledger.view()
    expected = [from_datetime(NOW)]
    assert finished(view, project(view, "1")) == finished(view, group(view, "5")) == expected
    facts.clock.present = NOW + 2 * HOUR
    facts.poll()
    # Nothing was read anew; the later deployment is known to the end now all the same.
    with read_projects(facts) as read:
        later = ledger.view()
    assert read == []
    assert len(finished(later, project(later, "1"))) == 2
    assert len(finished(view, project(view, "1"))) == 1


def test_only_changed_projects_are_read_again(facts: Filling) -> None:
    one, other = facts.environment(1), facts.environment(2)
    facts.deploy(one, NOW - HOUR)
    facts.poll()
    ledger = ledger_of(facts)
    ledger.view()
    facts.deploy(other, NOW - HOUR)
    with read_projects(facts) as read:
        view = ledger.view()
    assert read == [2]
    assert len(finished(view, project(view, "2"))) == 1
    assert len(finished(view, group(view, "5"))) == 2
    with read_projects(facts) as read:
        ledger.view()
    assert read == []


def test_what_retention_took_is_gone_from_its_projects(facts: Filling) -> None:
    one, other = facts.environment(1), facts.environment(2)
    facts.deploy(one, NOW - 3 * HOUR)
    facts.deploy(other, NOW - HOUR)
    facts.poll()
    ledger = ledger_of(facts)
    ledger.view()
    facts.store.readings.prune(from_datetime(NOW - 2 * HOUR))
    with read_projects(facts) as read:
        view = ledger.view()
    assert read == [1]
    assert finished(view, project(view, "1")) == []


def test_a_view_that_failed_is_made_up_for(facts: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    production = facts.environment(1)
    facts.poll()
    ledger = ledger_of(facts)
    ledger.view()
    facts.deploy(production, NOW - HOUR)
    with monkeypatch.context() as broken:
        broken.setattr(facts.store.history, "columns", None)
        with pytest.raises(TypeError):
            ledger.view()
    view = ledger.view()
    assert len(finished(view, project(view, "1"))) == 1


def test_a_group_holds_its_subgroups(facts: Filling) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    facts.deploy(facts.environment(2), NOW - 2 * HOUR)
    facts.poll()
    view = ledger_of(facts).view()
    assert len(finished(view, group(view, "acme"))) == 2
    assert len(finished(view, group(view, "acme/shop"))) == 1


def test_tiers_are_taken_together(facts: Filling) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    facts.deploy(facts.environment(1, "stage", tier="staging"), NOW - 2 * HOUR)
    facts.poll()
    view = ledger_of(facts).view()
    acme = group(view, "acme")
    assert len(view.timeline(acme, ["production", "staging"]).finished) == 2
    assert finished(view, acme, "staging") == [from_datetime(NOW - 2 * HOUR)]
    assert view.tiers_of(acme) == {"production", "staging"}
