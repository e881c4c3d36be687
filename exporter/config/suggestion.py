"""Guessing what a misspelt name was meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """A hint to append to a message, empty when nothing known comes close.

    Args:
        name: What was written.
        known: What could have been meant.
        prefix: Put before the suggestion; all names share it, so it is no likeness.
    """
    originals = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), originals, n=1)
    return f"; did you mean {prefix}{originals[close[0]]}?" if close else ""
