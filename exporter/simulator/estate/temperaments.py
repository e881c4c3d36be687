"""How the teams of the made-up company work, a temperament each."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final


class Cadence(Enum):
    """What makes a team deploy."""

    EVERY_MERGE = "as soon as something is merged"
    DAILY = "on working days, when something is waiting"
    WEEKLY = "one day a week, from the main branch"
    TRAIN = "one day a week, from a release branch cut the day before"


@dataclass(frozen=True, slots=True)
class EnvironmentHabit:
    """How one environment is used.

    Attributes:
        name: Its name.
        cadence: What triggers a deployment.
        tier: Set by hand; None where GitLab guesses it.
        wait: Median time from a merge to the start of its deployment, where merges trigger it.
        job: Median time the deployment runs.
        weekday: For weekly cadences, 0 is Monday.
        hour: Local hour around which scheduled deployments start.
        first: When it was first deployed to, as a share of the window; below 0 before it.
        last: When it was given up and stopped, as a share of the window; None if it lives.
        held_back: How old a merge must be before it is deployed.
        held_back_lately: The same for the last weeks; None when nothing changed.
        deployable: False when deployments are made through the API, without a job.
        failures: Share of deployments that fail or are cancelled before they succeed.
        incident_every: Every so many successes something is rolled back, deployed again or
            fixed in a hurry; 0 for never.
        unfinished: Statuses of deployments that wait or run at the end of the window.
    """

    name: str
    cadence: Cadence
    tier: str | None = None
    wait: timedelta = timedelta(minutes=25)
    job: timedelta = timedelta(minutes=4)
    weekday: int = 1
    hour: float = 14.5
    first: float = -0.4
    last: float | None = None
    held_back: timedelta = timedelta(0)
    held_back_lately: timedelta | None = None
    deployable: bool = True
    failures: float = 0.08
    incident_every: int = 0
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Temperament:
    """How the team of one project works.

    Attributes:
        name: The project's name.
        group: Its group below the root, nested by slashes.
        zone: IANA time zone of the team.
        merges: Merged merge requests on an average working day.
        review: Median time from opening to merging.
        environments: Where it deploys to.
        bots: Share of merge requests opened by bots.
        review_apps: Share of merge requests with a review app.
        active_weeks: Works in one of so many weeks and sleeps in the others.
        starts: First work, as a share of the window; below 0 before it.
        archived: Whether the project is archived by now.
        ends: Last work, as a share of the window.
    """

    name: str
    group: str
    zone: str
    merges: float
    review: timedelta
    environments: tuple[EnvironmentHabit, ...]
    bots: float = 0.04
    review_apps: float = 0.0
    active_weeks: int = 1
    starts: float = -0.5
    archived: bool = False
    ends: float = 1.0

    @property
    def releases_in_trains(self) -> bool:
        """Whether it cuts release branches."""
        return any(habit.cadence is Cadence.TRAIN for habit in self.environments)


_HOUR: Final = timedelta(hours=1)

TEMPERAMENTS: Final = (
    Temperament(
        "storefront",
        "shop",
        "Europe/Berlin",
        merges=4.0,
        review=7 * _HOUR,
        review_apps=0.12,
        environments=(
            EnvironmentHabit(
                "production", Cadence.EVERY_MERGE, incident_every=23, wait=timedelta(minutes=50)
            ),
            EnvironmentHabit("staging", Cadence.EVERY_MERGE, failures=0.1, unfinished=("running",)),
        ),
    ),
    Temperament(
        "billing",
        "shop/payments",
        "Europe/Berlin",
        merges=1.6,
        review=26 * _HOUR,
        environments=(
            EnvironmentHabit("production", Cadence.TRAIN, hour=11.0, incident_every=6),
            EnvironmentHabit("staging", Cadence.TRAIN, weekday=0, hour=15.0),
            EnvironmentHabit("test-integration", Cadence.DAILY, failures=0.2),
        ),
    ),
    Temperament(
        "search",
        "platform/discovery",
        "America/New_York",
        merges=1.3,
        review=12 * _HOUR,
        environments=(
            EnvironmentHabit(
                "production",
                Cadence.DAILY,
                held_back=18 * _HOUR,
                held_back_lately=60 * _HOUR,
                incident_every=19,
            ),
            EnvironmentHabit("dev", Cadence.EVERY_MERGE, wait=timedelta(minutes=6)),
        ),
    ),
    Temperament(
        "gateway",
        "platform/edge/network",
        "Europe/Berlin",
        merges=1.2,
        review=20 * _HOUR,
        environments=(
            EnvironmentHabit("production/eu", Cadence.DAILY, hour=10.0, incident_every=17),
            EnvironmentHabit(
                "production/us", Cadence.DAILY, hour=17.0, first=0.45, unfinished=("blocked",)
            ),
            EnvironmentHabit("canary", Cadence.EVERY_MERGE, wait=timedelta(minutes=15)),
        ),
    ),
    Temperament(
        "images",
        "platform/runtime",
        "Europe/Berlin",
        merges=1.5,
        review=4 * _HOUR,
        bots=0.75,
        environments=(
            EnvironmentHabit("production", Cadence.DAILY, hour=9.5),
            EnvironmentHabit("qa-legacy", Cadence.DAILY, last=0.6),
        ),
    ),
    Temperament(
        "reports",
        "office",
        "Europe/Berlin",
        merges=1.8,
        review=40 * _HOUR,
        active_weeks=4,
        environments=(EnvironmentHabit("production", Cadence.DAILY),),
    ),
    Temperament(
        "warehouse",
        "platform/data",
        "Asia/Kolkata",
        merges=1.0,
        review=30 * _HOUR,
        environments=(
            EnvironmentHabit(
                "production",
                Cadence.DAILY,
                hour=18.0,
                job=4 * _HOUR,
                failures=0.15,
                incident_every=15,
            ),
            EnvironmentHabit("testing", Cadence.DAILY, hour=11.0, job=2 * _HOUR),
        ),
    ),
    Temperament(
        "mobile",
        "apps/handheld/shared",
        "America/New_York",
        merges=0.9,
        review=16 * _HOUR,
        environments=(
            EnvironmentHabit(
                "live-stores", Cadence.WEEKLY, weekday=3, hour=11.0, deployable=False, failures=0.1
            ),
            EnvironmentHabit("blue", Cadence.DAILY, tier="production", deployable=False),
        ),
    ),
    Temperament(
        "assistant",
        "apps",
        "Europe/Berlin",
        merges=2.2,
        review=6 * _HOUR,
        starts=0.2,
        review_apps=0.05,
        environments=(
            EnvironmentHabit("production", Cadence.EVERY_MERGE, first=0.4, incident_every=11),
            EnvironmentHabit("staging", Cadence.EVERY_MERGE, first=0.3),
        ),
    ),
    Temperament(
        "handbook",
        "office",
        "Europe/Berlin",
        merges=0.5,
        review=9 * _HOUR,
        environments=(),
    ),
    Temperament(
        "monolith",
        "shop",
        "Europe/Berlin",
        merges=0.7,
        review=60 * _HOUR,
        archived=True,
        ends=0.55,
        environments=(
            EnvironmentHabit("production", Cadence.WEEKLY, weekday=2, incident_every=4),
            EnvironmentHabit("pre-production", Cadence.DAILY),
        ),
    ),
    Temperament(
        "accounts",
        "shop/payments",
        "America/New_York",
        merges=1.1,
        review=14 * _HOUR,
        bots=0.2,
        environments=(
            EnvironmentHabit("production", Cadence.DAILY, failures=0.25, incident_every=5),
            EnvironmentHabit("staging", Cadence.DAILY, hour=11.0, failures=0.25),
        ),
    ),
)
"""Twelve teams; between them they show everything a poller of deployments has to cope with."""
