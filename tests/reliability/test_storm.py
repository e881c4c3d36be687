"""Thousands of polls through every fault that a GitLab can have, on a clock that jumps.

After each poll every project's numbers must be right, or the project counted as stale; and when
the storm is over every number must be that of an exporter that had fair weather all the time.
"""

import sys
import time
from pathlib import Path

import pytest

from tests.oracle.brute_force import BruteForce, Sample
from tests.oracle.comparison import sample_differences
from tests.poller.driven_exporter import DrivenExporter
from tests.reliability.footprint import Footprint
from tests.reliability.storm import CONFIG, Storm, storm
from tests.reliability.weather import FAULTS

MEGABYTES = 2**20

pytestmark = pytest.mark.usefixtures("silence")


def is_group_total(key: Sample) -> bool:
    return key[0] == "gitlab_dora_group_deployments_total"


def comparable(raging: Storm, exporter: DrivenExporter) -> dict[Sample, float]:
    """Return what an exporter shows of projects and groups.

    The counters of groups that a project was moved into or out of count what was seen of it while
    it was there, and that depends on when it was looked for.
    """
    return {
        key: value
        for key, value in exporter.numbers().items()
        if not (is_group_total(key) and dict(key[1])["group"] in raging.happenings.left)
    }


def rage(raging: Storm, polls: int, judged_every: int) -> list[str]:
    """Poll through the storm; return what was wrong, by poll."""
    flaws = []
    for number in range(polls):
        found = raging.step(judged=number % judged_every == 0)
        flaws += [f"poll {number}: {one}" for one in found]
    return flaws


def assert_all_is_well(raging: Storm) -> None:
    """Demand that what both exporters show is the same, and right."""
    raging.clear_up()
    assert raging.stormy.value("exporter_stale_projects") == 0
    assert raging.stormy.value("exporter_up") == 1
    stormy, calm = comparable(raging, raging.stormy), comparable(raging, raging.calm)
    assert list(sample_differences(calm, stormy)) == []
    oracle = BruteForce(raging.world, CONFIG, raging.clock())
    right = {key: value for key, value in oracle.gauges().items() if not is_group_total(key)}
    shown = {key: value for key, value in stormy.items() if not is_group_total(key)}
    assert list(sample_differences(right, shown)) == []
    assert raging.judge.answers() == []


@pytest.mark.parametrize("seed", range(1))
def test_a_short_storm_leaves_no_wrong_number(seed: int, tmp_path: Path) -> None:
    with storm(tmp_path, seed=seed, concurrency=1) as raging:
        assert rage(raging, polls=20, judged_every=4) == []
        assert raging.complete > 8
        assert raging.judge.judged > 20
        assert_all_is_well(raging)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_two_thousand_polls_of_storm_leave_no_wrong_number_and_no_waste(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with storm(tmp_path, seed=7, concurrency=3) as raging:
        began = time.process_time()
        flaws = rage(raging, polls=500, judged_every=20)
        before = Footprint.now()
        for _ in range(3):
            flaws += rage(raging, polls=500, judged_every=20)
        after = Footprint.now()
        spent = time.process_time() - began
        judge = raging.judge
        with capsys.disabled():
            sys.stdout.write(
                f"\n{raging.polls} polls in {spent:.0f} s of processor time, "
                f"{raging.complete} of them complete; "
                f"met: {dict(sorted(raging.met.items()))}; "
                f"happened: {dict(sorted(raging.happenings.counts.items()))}; "
                f"projects judged {judge.judged}, marked as stale {judge.marked}, "
                f"undecided {judge.undecided}; groups judged {judge.groups_judged} times; "
                f"after 500 polls {before}; after {raging.polls} {after}\n"
            )
        assert flaws == []
        assert_all_is_well(raging)
        assert raging.met.keys() >= FAULTS.keys()
        assert min(raging.met[name] for name in FAULTS) > 50
        assert after.threads <= before.threads
        assert after.handles <= before.handles + 4  # connections that are kept
        assert after.memory - before.memory < 10 * MEGABYTES
