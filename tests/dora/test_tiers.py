import re

import pytest

from exporter.dora.tiers import TIERS, effective_tier, guess_tier

GUESSES = [
    ("production", "production"),
    ("PRODUCTION", "production"),
    ("Prod", "production"),
    ("prd-eu", "production"),
    ("gprd", "production"),
    ("live", "production"),
    ("staging", "staging"),
    ("stg", "staging"),
    ("preprod", "staging"),
    ("pre-production", "staging"),
    ("non-prod", "staging"),
    ("demo", "staging"),
    ("model", "staging"),
    ("modl", "staging"),
    ("test", "testing"),
    ("tst", "testing"),
    ("integration", "testing"),
    ("fintech-prod", "testing"),
    ("acceptance", "testing"),
    ("acpt", "testing"),
    ("acept", "other"),
    ("QA-2", "testing"),
    ("qc", "testing"),
    ("quality-gate", "testing"),
    ("control", "testing"),
    ("dev", "development"),
    ("devprod", "development"),
    ("review/production-fix", "development"),
    ("review/x", "development"),
    ("trunk", "development"),
    ("prod-test", "testing"),
    ("canary", "other"),
    ("eu-west-1", "other"),
    ("", "other"),
]


@pytest.mark.parametrize(("name", "tier"), GUESSES)
def test_guesses_as_gitlab_does(name: str, tier: str) -> None:
    assert guess_tier(name) == tier


def test_the_tiers_are_gitlabs_five_in_its_order() -> None:
    assert TIERS == ("production", "staging", "testing", "development", "other")


def test_what_gitlab_answers_goes_before_the_guess() -> None:
    assert effective_tier("dev", "production") == "production"


@pytest.mark.parametrize("answered", [None, "", "unheard-of"])
def test_without_a_usable_answer_the_name_decides(answered: str | None) -> None:
    assert effective_tier("preprod", answered) == "staging"


def test_an_override_goes_before_what_gitlab_answers() -> None:
    overrides = [(re.compile("^live-"), "production")]
    assert effective_tier("live-eu", "staging", overrides) == "production"
    assert effective_tier("not-live-eu", "staging", overrides) == "staging"


def test_the_first_matching_override_wins() -> None:
    overrides = [(re.compile("eu"), "testing"), (re.compile("live"), "production")]
    assert effective_tier("live-eu", None, overrides) == "testing"
    assert effective_tier("live-us", None, overrides) == "production"


def test_an_override_is_searched_anywhere_in_the_name() -> None:
    assert effective_tier("k8s-blue-eu", None, [(re.compile("blue"), "production")]) == "production"
