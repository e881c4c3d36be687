"""One seeded case: a wild little GitLab, a configuration for it, and questions to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from exporter.simulator import DEFAULT_TOKEN, World
from exporter.simulator.generator import random_history
from tests.oracle.question import ADDRESSES, INTERVALS, METRICS, PAYLOADS, TIERS, Kind, Question

# Days near which something odd happens: clocks change, a leap day, a year's end, and in Apia a
# day that never was (2011-12-30). Histories end a little later.
_ODD_DAYS = {
    "UTC": (date(2024, 2, 29), date(2025, 12, 31)),
    "Europe/Berlin": (date(2025, 3, 30), date(2025, 10, 26)),
    "America/New_York": (date(2025, 3, 9), date(2025, 11, 2)),
    "Asia/Kolkata": (date(2024, 2, 29), date(2026, 5, 1)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2019, 2, 16)),
    "Pacific/Apia": (date(2011, 9, 24), date(2011, 12, 30)),
}
ZONES = tuple(_ODD_DAYS)
_HISTORIES = ("7d", "30d", "95d", "95d", "200d", "400d", "400d")
_WINDOWS = ("1d", "7d", "30d", "90d", "36h", "180d", "5h")
_AUTHORS = ("amara", "jonas", "renovate-bot")
_BRANCHES = ("main", "develop", "weird branch#1")
_OVERRIDES = (
    {"match": "^live-", "tier": "staging"},
    {"match": "blue", "tier": "production"},
    {"match": "(?i)^prod", "tier": "production"},
    {"match": "/", "tier": "other"},
    {"match": "[a-z]", "tier": "production"},
)


@dataclass
class Case:
    """A world whose clock stands at ``now``, and the exporter's configuration but for its URLs."""

    seed: int
    world: World
    now: datetime
    config: dict[str, Any]

    def settings(self, url: str, database: Path, **changed: Any) -> dict[str, Any]:
        """Return the whole configuration; of ``changed`` lead time rules are put in."""
        return {
            **self.config,
            "gitlab": {
                "url": url,
                "token": DEFAULT_TOKEN,
                "max_requests_per_second": 1_000_000,
                "concurrency": 2,
            },
            "lead_time": {**self.config["lead_time"], **changed},
            "store": {"url": f"sqlite:///{database}"},
        }


def draw_case(seed: int) -> Case:
    """Return the case of a seed, always the same."""
    rng = Random(seed)
    zone = ZONES[seed % len(ZONES)]
    now = _now(rng, zone)
    world = World(clock=lambda: now)
    random_history(world, rng=rng, end=now, days=rng.choice((10, 40, 100, 100, 250, 420)))
    if rng.random() < 0.5:
        _overtake(rng, world)
    features = world.features
    features.graphql = rng.random() < 0.75
    features.graphql_finished_at = rng.random() < 0.85
    features.rest_finished_filters = rng.random() < 0.7
    exact = features.graphql and features.graphql_finished_at
    # An instance so old that REST lacks the tier lacks it in GraphQL too.
    features.environment_tier = exact or rng.random() < 0.5
    return Case(seed, world, now, _config(rng, world, zone))


def draw_questions(case: Case, containers: Mapping[Kind, Mapping[int, str]]) -> list[Question]:
    """Return one question for every project and group, tier, interval and metric, and some more.

    Ranges, payloads and the ways to name a project are drawn.
    """
    rng = Random(-case.seed - 1)
    today = case.now.astimezone(ZoneInfo(case.config["timezone"])).date()
    tiers: list[tuple[str, ...]] = [(tier,) for tier in TIERS]
    questions = []
    for kind, paths in containers.items():
        for number, path in paths.items():
            for wanted in [*tiers, tuple(rng.sample(TIERS, rng.randint(2, 5)))]:
                for interval in INTERVALS:
                    start, end = _range(rng, today)
                    questions += [
                        Question(
                            kind,
                            number,
                            path,
                            metric,
                            interval,
                            wanted,
                            start,
                            end,
                            rng.choice((None, *PAYLOADS)),
                            rng.choice(ADDRESSES),
                        )
                        for metric in METRICS
                    ]
    return questions


def _overtake(rng: Random, world: World) -> None:
    """Let some deployments succeed later than others that were created after them.

    Some of them do so exactly where a trailing window begins.
    """
    now = world.clock()
    begins = [now - timedelta(days=days) for days in (1, 7, 30, 90, 180)]
    successes = [one for one in world.deployments.values() if one.status == "success"]
    for one in rng.sample(successes, min(len(successes), 4)):
        assert one.finished_at is not None
        later = [moment for moment in begins if moment > one.finished_at]
        somewhen = one.finished_at + (now - one.finished_at) * rng.random()
        world.finish(one, at=rng.choice([*later, somewhen]))


def _now(rng: Random, zone: str) -> datetime:
    day = rng.choice(_ODD_DAYS[zone]) + timedelta(days=rng.choice((1, 1, 2, 5, 20, 60, 100)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return midnight + rng.choice(
        (
            timedelta(0),
            timedelta(hours=12),
            timedelta(seconds=rng.randint(0, 86399), microseconds=rng.choice((0, 1, 500_000))),
            -timedelta(microseconds=1),
        )
    )


def _range(rng: Random, today: date) -> tuple[date, date]:
    end = today + timedelta(days=rng.choice((0, 0, 0, 1, 3, -1, -7, -rng.randint(0, 300))))
    length = rng.choice((0, 1, 6, 27, 30, 89, 180, 366, rng.randint(0, 366)))
    return end - timedelta(days=length), end


def _config(rng: Random, world: World, zone: str) -> dict[str, Any]:
    paths = [group.path for group in world.groups.values()]
    projects = list(world.projects.values())
    listed = rng.sample(projects, rng.choice((0, 0, 1)))
    root = rng.choice([*paths[:1] * 3, *paths])
    # Whoever excludes all that is listed polls nothing, and the exporter calls that a failure.
    excludes: tuple[list[str], ...] = ([], [], [], ["project-2$"], ["^wild/inner/most/"])
    return {
        "groups": [
            {
                "path": root,
                "include_subgroups": rng.random() < 0.8,
                "archived": rng.random() < 0.3,
            }
        ],
        "projects": [rng.choice((one.path, one.id)) for one in listed],
        "exclude": rng.choice(excludes if root == paths[0] else excludes[:4]),
        "poll": {"history": rng.choice(_HISTORIES)},
        "environments": {"tier_overrides": rng.sample(_OVERRIDES, rng.choice((0, 0, 1, 3)))},
        "lead_time": {
            "first_deployment": rng.choice(("exclude", "include")),
            "target_branches": rng.sample(_BRANCHES, rng.choice((0, 0, 0, 1, 2))),
            "exclude_authors": rng.sample(_AUTHORS, rng.choice((0, 0, 1, 2))),
        },
        "timezone": zone,
        "windows": rng.sample(_WINDOWS, rng.randint(1, 4)),
        "api": {"auth": "none", "payload": rng.choice(PAYLOADS)},
    }
