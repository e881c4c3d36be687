"""PromQL that the dashboards share.

All of it takes the largest over what it does not group by: the same series from a second replica,
or from before the exporter moved, must not count twice.
"""

HELD = "25h"
"""How long a value stands in a graph: loaded history has one a day, and some days have 25 hours."""

TIER = 'environment_tier="$environment_tier"'
WINDOW = 'window="$window"'


def series(metric: str, *matchers: str) -> str:
    """Select series of a metric, named without its common prefix."""
    return f"gitlab_dora_{metric}{{{', '.join(matchers)}}}"


def largest(selected: str, *by: str) -> str:
    """Keep only some labels."""
    return f"max by ({', '.join(by)}) ({selected})" if by else f"max({selected})"


def held(selected: str, *by: str) -> str:
    """The values as they are; where there is none, the last one up to the end of the graph's step.

    Grafana puts its steps on round times, so the newest values lie after the last one: without
    looking ahead, a graph of months stays empty for the first hours.
    """
    last = f"last_over_time({selected}[{HELD}] offset -$__interval)"
    return f"{largest(selected, *by)} or {largest(last, *by)}"


def change(current: str, before: str) -> str:
    """By which share a number moved; nothing where there was none before, or zero."""
    return f"({current} - {before}) / ({before} > 0)"


def age(timestamp: str) -> str:
    """Seconds since a Unix time."""
    return f"time() - {timestamp}"
