"""What names of environments say to people."""

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_MEANINGS = (
    ("development", {"dev", "devel", "develop", "development", "review", "reviews", "trunk"}),
    ("testing", {"test", "tests", "testing", "tst", "qa", "qc", "uat", "acceptance", "int"}),
    (
        "staging",
        {
            *("stage", "staging", "stg", "pre", "preprod", "preproduction", "preprd", "prelive"),
            *("non", "nonprod", "nonproduction", "demo"),
        },
    ),
    ("production", {"prod", "prd", "production", "live"}),
)
"""What people mean by whole words, the first that is there: `pre-production` is no production."""


def suggested(name: str) -> str | None:
    """Return the tier that a name suggests to people, None where it suggests none."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return next((tier for tier, meant in _MEANINGS if words & meant), None)
