"""The merge requests of one made-up project."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from exporter.simulator.estate.temperaments import Temperament
from exporter.simulator.estate.window import Window, days_between, week_of
from exporter.simulator.estate.working_hours import WorkingHours, log_normal, poisson

MAIN: Final = "main"
PEOPLE: Final = (
    *("amara", "bjorn", "chiara", "dmitri", "elif", "farid", "greta", "hanna", "ines", "jonas"),
    *("kofi", "lena", "mateo", "nadia", "oskar", "priya", "quentin", "rosa", "sven", "tomoko"),
)
BOTS: Final = ("renovate-bot", "project_17_bot_5e1f", "release-bot")

_VERBS: Final = ("Add", "Fix", "Rework", "Remove", "Speed up", "Document", "Rename", "Guard")
_THINGS: Final = (
    *("retries", "the cart", "caching", "the login form", "audit log", "search filters"),
    *("date handling", "the importer", "feature flag", "error pages", "metrics", "pagination"),
)
_PACKAGES: Final = ("requests", "node", "postgres", "eslint", "golang", "alpine", "jackson")
_WEEKEND_SHARE: Final = 0.04
_CUT: Final = time(7, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Change:
    """A merge request to be; `merged_at` is None unless `state` is `merged`."""

    created_at: datetime
    merged_at: datetime | None
    target_branch: str
    source_branch: str
    author: str
    title: str
    state: str = "merged"


def release_branch(day: date) -> str:
    """Name the release branch of a day's week."""
    year, week, _ = day.isocalendar()
    return f"release/{year % 100}.{week}"


def release_cut(day: date) -> datetime:
    """Tell when the release branch of a day's week left the main branch: Monday morning."""
    return datetime.combine(day - timedelta(days=day.weekday()), _CUT)


class ChangePlan:
    """Makes up what one team merged.

    Args:
        rng: The only source of chance.
        temperament: How the team works.
        window: What the estate is about; older projects begin before it.
    """

    def __init__(self, rng: Random, temperament: Temperament, window: Window) -> None:
        self.changes: list[Change] = []
        self._rng = rng
        self._temperament = temperament
        self._begin = window.at(temperament.starts)
        self._end = window.at(temperament.ends)
        self._hours = WorkingHours(ZoneInfo(temperament.zone))
        self._team = rng.sample(PEOPLE, 6)
        self._number = 0

    def fill(self) -> list[Change]:
        """Make up everything merged, closed and still open, in no order."""
        if self._temperament.starts < 0:
            self._add_years_before()
        phase = self._rng.randrange(self._temperament.active_weeks)
        for day in days_between(self._begin, self._end):
            if week_of(day) % self._temperament.active_weeks == phase:
                self._add_day(day)
        self._add_still_open()
        return self.changes

    def hotfix(self, created_at: datetime, merged_at: datetime) -> Change:
        """Add a fix made in a hurry."""
        number = self._next_number()
        change = Change(
            created_at, merged_at, MAIN, f"hotfix-{number}", self._person(), "Stop the bleeding"
        )
        self.changes.append(change)
        return change

    def _add_years_before(self) -> None:
        for _ in range(self._rng.randint(8, 25)):
            age = timedelta(days=self._rng.uniform(1, 800))
            self._add_merged((self._begin - age).date(), MAIN)

    def _add_day(self, day: date) -> None:
        weekend = day.weekday() >= 5
        mean = self._temperament.merges * (_WEEKEND_SHARE if weekend else 1.0)
        for _ in range(poisson(self._rng, mean)):
            self._add_merged(day, MAIN)
        if self._temperament.releases_in_trains and day.weekday() == 0:
            for _ in range(self._rng.choice((0, 1, 1, 2))):
                self._add_merged(day, release_branch(day))
        if self._rng.random() < mean * 0.06:
            self._add_closed(day)

    def _add_merged(self, day: date, target: str) -> None:
        merged_at = self._hours.moment(self._rng, day)
        review = log_normal(self._rng, self._temperament.review, sigma=1.1)
        created_at = self._hours.pulled_in(self._rng, merged_at - review)
        if merged_at <= self._end:
            self.changes.append(self._change(created_at, merged_at, target, "merged"))

    def _add_closed(self, day: date) -> None:
        created_at = self._hours.moment(self._rng, day)
        if created_at <= self._end:
            self.changes.append(self._change(created_at, None, MAIN, "closed"))

    def _add_still_open(self) -> None:
        for _ in range(self._rng.randint(1, 5)):
            age = log_normal(self._rng, 2 * self._temperament.review)
            created_at = self._hours.pulled_in(self._rng, self._end - age)
            self.changes.append(self._change(created_at, None, MAIN, "opened"))

    def _change(
        self, created_at: datetime, merged_at: datetime | None, target: str, state: str
    ) -> Change:
        rng, number = self._rng, self._next_number()
        if rng.random() < self._temperament.bots:
            package = rng.choice(_PACKAGES)
            author, source = rng.choices(BOTS, (8, 1, 1))[0], f"renovate-{package}-{number}"
            title = f"Update {package} to {rng.randint(1, 20)}.{rng.randint(0, 30)}"
        else:
            verb, thing = rng.choice(_VERBS), rng.choice(_THINGS)
            author, title = self._person(), f"{verb} {thing}"
            source = f"{number}-{title.lower().replace(' ', '-')}"
        return Change(created_at, merged_at, target, source, author, title, state)

    def _person(self) -> str:
        return self._rng.choice(self._team)

    def _next_number(self) -> int:
        self._number += 1
        return self._number
