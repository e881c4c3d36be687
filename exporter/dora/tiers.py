"""Environment tiers: GitLab's five, and its guess for environments that carry none."""

import re
from collections.abc import Iterable

TIERS = ("production", "staging", "testing", "development", "other")
"""GitLab's deployment tiers, in its own order."""

# GitLab's `Environment#guess_tier`: unanchored, any case, the first rule that matches wins.
_GUESSES = (
    ("development", re.compile(r"dev|review|trunk", re.IGNORECASE)),
    ("testing", re.compile(r"test|tst|int|ac(ce|)pt|qa|qc|control|quality", re.IGNORECASE)),
    ("staging", re.compile(r"st(a|)g|mod(e|)l|pre|demo|non", re.IGNORECASE)),
    ("production", re.compile(r"pr(o|)d|live", re.IGNORECASE)),
)


def guess_tier(name: str) -> str:
    """Return the tier that GitLab guesses from an environment's name."""
    return next((tier for tier, rule in _GUESSES if rule.search(name)), "other")


def letters_of_guess(name: str) -> str:
    """Return the letters of an environment's name that decide GitLab's guess, empty for ``other``.

    They may stand anywhere: those of ``fintech-prod`` are ``int``.
    """
    found = next((found for _, rule in _GUESSES if (found := rule.search(name))), None)
    return found[0] if found else ""


def effective_tier(
    name: str, tier: str | None, overrides: Iterable[tuple[re.Pattern[str], str]] = ()
) -> str:
    """Return the tier that an environment counts for.

    The first override whose expression is found in ``name`` decides, else what GitLab answered,
    else (an instance too old to answer a tier) GitLab's guess from the name.
    """
    for expression, wanted in overrides:
        if expression.search(name):
            return wanted
    return tier if tier in TIERS else guess_tier(name)
