"""Parts that are taken evenly, streams of deployments, and counts that GitLab does not tell."""

from collections.abc import Iterator
from typing import cast

import pytest

from exporter.clock import SystemClock
from exporter.estimate.first_poll import details
from exporter.estimate.model import CYCLE, Flow, Linking
from exporter.gitlab.client import Client, Page
from exporter.gitlab.sample import Sampler, spread

DAY = CYCLE // 28


def test_a_part_is_taken_evenly() -> None:
    assert spread(range(10), 20) == [*range(10)]
    assert spread(range(100), 4) == [12, 37, 62, 87]
    assert spread(range(100), 0) == []


@pytest.mark.parametrize("number", [*range(1, 40), 100])
def test_mixed_each_is_there_once(number: int) -> None:
    assert sorted(spread(range(number), number, mixed=True)) == [*range(number)]


@pytest.mark.parametrize("projects", [10_001, 12_345, 49_901, 50_000])
def test_projects_are_counted_where_gitlab_does_not(projects: int) -> None:
    """Above 10,000 rows there is no total; the last page with rows tells, a page at most wrong."""
    asked = []

    class Pages:
        def pages(self, path: str, **parameters: object) -> Iterator[Page]:
            if "descendant_groups" in path:
                yield Page([], 0, last=True)
                return
            page = int(str(parameters.get("page", 1)))
            asked.append(page)
            rows = range(100 * (page - 1), min(100 * page, projects))
            items = [{"id": one + 1, "path_with_namespace": f"big/{one}"} for one in rows]
            yield Page(items, None, last=100 * page >= projects)

    sampler = Sampler(cast("Client", Pages()), SystemClock())
    found = sampler.group("big", include_subgroups=True, archived=False, more_pages=2)
    assert projects <= found.projects < projects + 100
    assert len(asked) <= 1 + 9 + 2


def flow(*days: float, older: float = 0.0) -> Flow:
    finishes = [100 * DAY - round(day * DAY) for day in days]
    return Flow("production", "production", None, finishes, older)


def test_a_stream_goes_on_behind_what_was_seen() -> None:
    known = flow(1, 2, 3)
    assert known.since(98 * DAY) == 2
    assert known.since(0) == known.number == 3
    longer = flow(1, 2, 3, older=100.0)
    assert longer.since(98 * DAY) == 2
    assert longer.since(87 * DAY) == pytest.approx(3 + 10 * 1.5)
    assert longer.since(-1000 * DAY) == 103


def test_four_weeks_hold_what_was_seen_again_and_again() -> None:
    assert flow(1, 2, 30).cycle(100 * DAY) == [26 * DAY, 27 * DAY]
    assert len(flow(0.5, 1.0, 1.5, 2.0, older=1000).cycle(100 * DAY)) == 56
    assert flow(40, 50).cycle(100 * DAY) == []


def test_environments_without_merge_requests_are_told_from_deployments_without() -> None:
    always = Linking.of([(True, True)] * 3 + [(False, False)])
    assert (always.environments, always.deployments) == (0.75, 1.0)
    assert always.none_of(5) == 0.25
    at_random = Linking.of([(True, True), (True, False), (False, True), (False, False)])
    assert (at_random.environments, at_random.deployments) == (1.0, 0.5)
    assert at_random.none_of(3) == 0.125
    assert Linking.of([]).none_of(9) == Linking.of([(False, False)]).none_of(9) == 1


def test_environments_and_finishes_of_a_project_share_requests() -> None:
    flows = [flow(1)] * 30
    assert details(flows, [], finishes=True) == 1
    assert details(flows[:1], [250], finishes=True) == 3
    assert details(flows, [1] * 30, finishes=True) == 2
    assert details(flows, [1] * 30, finishes=False) == 1
