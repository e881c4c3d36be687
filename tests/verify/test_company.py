"""A whole company, configured to differ from GitLab in everything: all is explained."""

from exporter.simulator.generator import generate
from exporter.verify import Reason
from tests.verify.licensed import Licensed


def test_nothing_in_a_company_stays_unexplained(both: Licensed) -> None:
    generate(both.world, seed=3, projects=5, days=40, end=both.clock.ago(minutes=30))
    both.poll(
        {
            "timezone": "America/New_York",
            "exclude": ["/never$"],
            "lead_time": {"exclude_authors": ["renovate-bot"], "target_branches": ["main"]},
            "environments": {"tier_overrides": [{"match": "^staging", "tier": "testing"}]},
        }
    )
    found = both.compare(days=20, each_project=True)
    reasons = {reason for one in found.differences for reason in one.reasons}
    assert [one for one in found.differences if not one.reasons] == []
    assert reasons >= {Reason.AGGREGATION, Reason.TIMEZONE, Reason.EXCLUDE_AUTHORS}
    assert len(found.differences) < found.numbers
