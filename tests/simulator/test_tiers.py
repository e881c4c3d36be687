import pytest

from exporter.simulator.tiers import guess_tier


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("production", "production"),
        ("Production", "production"),
        ("prd", "production"),
        ("go-live", "production"),
        ("production/eu", "production"),
        ("staging", "staging"),
        ("stg", "staging"),
        ("mdl", "other"),
        ("modl", "staging"),
        ("preprod", "staging"),
        ("non-prod", "staging"),
        ("demo", "staging"),
        ("qa", "testing"),
        ("acpt", "testing"),
        ("acceptpt", "testing"),
        ("int-1", "testing"),
        ("fintech-prod", "testing"),
        ("print-live", "testing"),
        ("dev-production", "development"),
        ("review/feature", "development"),
        ("trunk", "development"),
        ("main", "other"),
    ],
)
def test_tier_is_guessed_by_the_first_rule_that_hits(name: str, tier: str) -> None:
    assert guess_tier(name) == tier
