"""Whose merge requests count may change without a word to GitLab: all are stored."""

from datetime import timedelta

import pytest

from exporter.simulator import SimulatedGitLab, World
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

WHO = ("people", "bots", "all")


def hours(exporter: DrivenExporter) -> list[float | None]:
    """Return the lead times of people, of bots and of all."""
    return [
        None if seconds is None else seconds / HOUR
        for who in WHO
        for seconds in [
            exporter.dora("projects/1", "lead_time_for_changes", interval="all", authors=who)
        ]
    ]


@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
def test_excluded_authors_may_change_without_another_question(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, graphql: bool
) -> None:
    world.features.graphql = graphql
    production = add_app(world)
    finished_at = (world.clock() - timedelta(hours=1)).replace(microsecond=0)
    merged = [
        world.add_merge_request(
            production.project, author=author, merged_at=finished_at - timedelta(hours=lead)
        )
        for author, lead in (("ada", 1), ("renovate-bot", 4), ("release-bot", 10))
    ]
    deploy(world, production, finished_at=finished_at, merge_requests=merged)
    for number, (excluded, expected) in enumerate(
        [
            (["renovate-bot", "release-bot"], [1, 7, 4]),
            (["renovate-bot"], [5.5, 4, 4]),
            ([], [4, None, 4]),
            (["ada", "release-bot", "renovate-bot"], [None, 4, 4]),
        ]
    ):
        exporter = start(lead_time={"exclude_authors": excluded})
        if number == 0:
            exporter.poll()
            gitlab.requests.clear()
        # REST tells the end of the job, a moment earlier.
        assert [one and round(one, 3) for one in hours(exporter)] == expected
        shown = exporter.lead_time("acme/app")
        assert (shown and round(shown / HOUR, 3)) == expected[0]
        exporter.close()
    assert list(gitlab.requests) == []
