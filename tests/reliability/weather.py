"""Which faults are in force during a poll: fair, drizzle, storm or nothing at all."""

from collections.abc import Callable, Sequence
from random import Random

from exporter.simulator import Fault

PATIENCE = "400ms"
"""How long the exporter waits for an answer here; time-outs take real time."""

READ = (
    *("id", "iid", "name", "path_with_namespace", "full_path", "status", "created_at"),
    *("fullPath", "createdAt", "target_branch", "targetBranch", "username", "hasNextPage"),
    *("environment", "environments", "deployments", "nodes", "pageInfo", "project", "data"),
)
"""Fields that GitLab always fills."""

EMPTY_AT_TIMES = (
    *("deployable", "finished_at", "finishedAt", "updated_at", "merged_at", "mergedAt", "author"),
    *("tier", "lastDeployment", "namespace", "parent_id", "endCursor"),
)
"""Fields that GitLab leaves empty at times, so that nobody can see that null is a lie."""


def _fields(rng: Random, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(rng.sample(names, rng.randint(1, 2)))


def _status(status: int) -> Callable[[Random], Fault]:
    return lambda _rng: Fault("status", status=status)


FAULTS: dict[str, Callable[[Random], Fault]] = {
    "429": lambda rng: Fault("status", status=429, retry_after=rng.choice((None, 0, 1, 20))),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "504": _status(504),
    "token revoked between requests": _status(401),
    "time-out": lambda _rng: Fault("timeout", delay=30, times=1),
    "reset": lambda _rng: Fault("reset"),
    "cut": lambda _rng: Fault("cut"),
    "slow bytes": lambda _rng: Fault("slow", delay=0.05, times=2),
    "truncated JSON": lambda _rng: Fault("truncated_json"),
    "wrong JSON": lambda _rng: Fault("wrong_json"),
    "missing fields": lambda rng: Fault(
        "missing_fields", fields=_fields(rng, READ + EMPTY_AT_TIMES)
    ),
    "null fields": lambda rng: Fault("null_fields", fields=_fields(rng, READ)),
    "wrong types": lambda rng: Fault("wrong_types", fields=_fields(rng, READ + EMPTY_AT_TIMES)),
    "repeated rows": lambda _rng: Fault("repeated_rows"),
    "reordered rows": lambda _rng: Fault("reordered_rows"),
    "other page": lambda _rng: Fault("other_page"),
    "skewed clock": lambda rng: Fault(
        "skewed_clock", delay=rng.choice((-86400, -4000, -400, 400, 4000, 86400))
    ),
}
"""The faults of requests, each drawn anew."""

_DAMAGE_OF_ALL = frozenset(FAULTS) - {"time-out", "slow bytes", "skewed clock", "429"}
"""What may befall every request of a poll without taking the test's time, or all of its clocks."""


def draw(rng: Random) -> dict[str, Fault]:
    """Return the faults of one poll, by their names."""
    kind = rng.random()
    if kind < 0.2:
        return {}
    if kind < 0.6:
        names, likely = rng.sample(sorted(FAULTS), 3), 0.04
    elif kind < 0.92:
        names, likely = rng.sample(sorted(FAULTS), 6), rng.uniform(0.05, 0.3)
    else:
        names, likely = [rng.choice(sorted(_DAMAGE_OF_ALL))], 1.0
    faults = {name: FAULTS[name](rng) for name in names}
    for name, fault in faults.items():
        # One of a fleet of servers has a wrong clock, not most of them.
        fault.probability = min(likely, 0.08) if name == "skewed clock" else likely
    return faults
