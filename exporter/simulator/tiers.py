"""GitLab's guess of a deployment tier from an environment's name."""

import re
from typing import Final

TIERS: Final = ("production", "staging", "testing", "development", "other")

_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), tier)
    for pattern, tier in (
        (r"dev|review|trunk", "development"),
        (r"test|tst|int|ac(ce|)pt|qa|qc|control|quality", "testing"),
        (r"st(a|)g|mod(e|)l|pre|demo|non", "staging"),
        (r"pr(o|)d|live", "production"),
    )
)


def guess_tier(name: str) -> str:
    """Tell which tier GitLab gives an environment that was created without one.

    The rules look anywhere in the name, whatever its case; the first that hits wins, so
    `preprod` is staging and `print-live` is testing.

    Args:
        name: The environment's name.

    Returns:
        One of `TIERS`.
    """
    return next((tier for pattern, tier in _RULES if pattern.search(name)), "other")
