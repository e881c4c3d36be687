import pytest

from exporter.doctor.names import suggested
from exporter.dora.tiers import guess_tier, letters_of_guess


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        *[(name, "production") for name in ("production", "PROD", "prod-eu", "eu.prd", "live2")],
        *[(name, "production") for name in ("fintech-prod", "print_live", "production/eu")],
        *[(name, "staging") for name in ("preprod", "pre-production", "preProd", "non-prod")],
        *[(name, "staging") for name in ("nonprod", "stage", "demo-live")],
        *[(name, "testing") for name in ("qa", "uat", "test-production", "int")],
        *[(name, "development") for name in ("dev", "review/live-chat", "trunk")],
        *[(name, None) for name in ("main", "www", "reproduction", "deliver", "olive", "")],
    ],
)
def test_names_suggest_tiers_by_whole_words(name: str, tier: str | None) -> None:
    assert suggested(name) == tier


@pytest.mark.parametrize(
    ("name", "letters"),
    [("fintech-prod", "int"), ("Review/x", "Review"), ("production", "prod"), ("main", "")],
)
def test_letters_that_gitlab_guesses_by(name: str, letters: str) -> None:
    assert letters_of_guess(name) == letters
    assert (guess_tier(name) == "other") == (not letters)
