"""A small GitLab that stands still at 18:00 UTC on 2021-03-08, the last day of GitLab's example.

======================== == ====================================================================
``acme``                  7  public group
``acme/web``              1  private group with one project, so both have the example's numbers
``acme/web/shop``         1  private; ``production`` and ``staging``; older than the history
``acme/platform``         8  public group
``acme/platform/billing`` 2  private; first deployed to ``production`` on 2021-01-10
``acme/platform/status``  3  public, without environments
``zen/secret``            5  not polled
======================== == ====================================================================

The history reaches back 95 days, so it begins at 00:00 on 2020-12-03.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exporter.simulator import World
from exporter.simulator.world import Environment

NOW = datetime(2021, 3, 8, 18, tzinfo=UTC)

TOKENS = {
    "reporter": "glpat-reporter-of-acme",
    "developer": "glpat-developer-of-shop",
    "guest": "glpat-guest-of-acme",
    "stranger": "glpat-member-of-nothing",
    "admin": "glpat-admin",
    "blocked": "glpat-blocked-reporter",
    "expired": "glpat-expired-reporter",
    "narrow": "glpat-reporter-without-api-scope",
    "unknown": "glpat-never-issued",
}
"""The token of each caller."""

_GUEST, _REPORTER, _DEVELOPER = 10, 20, 30

_EXAMPLE = {"2021-03-01": 3, "2021-03-02": 6, "2021-03-08": 4}
"""Deployments of the example in GitLab's reference; the days between have none."""

_LEAD_TIMES = {
    "2021-03-01": (3600, 7200, 10800),
    "2021-03-02": (600, 1201),
    # The first was deployed half an hour before it was merged.
    "2021-03-08": (-1800, 86400),
}
"""Seconds from merge to deployment."""


@dataclass
class _Delivery:
    """Deployments to one environment."""

    world: World
    environment: Environment

    def deploy(self, day: str, number: int = 1, lead_times: tuple[int, ...] = ()) -> None:
        """Deploy hourly from 09:00; the first brings merge requests with these lead times."""
        for hour in range(number):
            at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=9 + hour)
            merged = [
                self.world.add_merge_request(
                    self.environment.project, merged_at=at - timedelta(seconds=seconds)
                )
                for seconds in (lead_times if hour == 0 else ())
            ]
            self.world.add_deployment(
                self.environment, created_at=at, finished_at=at, merge_requests=merged
            )

    def fail(self, day: str) -> None:
        """Deploy without success."""
        at = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=20)
        self.world.add_deployment(self.environment, status="failed", created_at=at, finished_at=at)


def create_world() -> World:
    """Return the world."""
    world = World(lambda: NOW)
    acme = world.add_group("acme", id=7)
    platform = world.add_group("acme/platform", id=8)
    acme.visibility = platform.visibility = "public"
    world.add_group("acme/web", id=1)
    born = datetime(2020, 1, 1, tzinfo=UTC)
    shop = world.add_project("acme/web/shop", id=1, created_at=born)
    billing = world.add_project("acme/platform/billing", id=2, created_at=born)
    world.add_project("acme/platform/status", id=3, visibility="public", created_at=born)
    world.add_project("zen/secret", id=5, created_at=born)
    _add_callers(world)

    production = _Delivery(world, world.add_environment(shop, "production", created_at=born))
    production.deploy("2020-06-01", lead_times=(60,))
    production.deploy("2020-12-24", 2, lead_times=(100, 200))
    production.deploy("2021-01-10", lead_times=(300,))
    production.deploy("2021-01-20", 2, lead_times=(1000,))
    production.fail("2021-01-21")
    production.deploy("2021-02-14", 5, lead_times=(4000, 5000))
    for day, number in _EXAMPLE.items():
        production.deploy(day, number, _LEAD_TIMES[day])
    staging = _Delivery(world, world.add_environment(shop, "staging", created_at=born))
    staging.deploy("2020-06-01")
    staging.deploy("2021-03-03", 2, lead_times=(50,))

    production = _Delivery(world, world.add_environment(billing, "production", created_at=born))
    production.deploy("2021-01-10", lead_times=(31_536_000,))
    production.deploy("2021-02-14", lead_times=(9000,))
    production.deploy("2021-03-02", 2, lead_times=(1800,))
    return world


def _add_callers(world: World) -> None:
    acme, shop = world.groups[7], world.projects[1]
    for name in ("reporter", "blocked", "expired", "narrow", "developer", "guest", "stranger"):
        user = world.add_user(name, state="blocked" if name == "blocked" else "active")
        world.add_token(
            TOKENS[name],
            user=user,
            scopes=("read_user",) if name == "narrow" else ("read_api",),
            expires_at=NOW - timedelta(days=1) if name == "expired" else None,
        )
        if name in {"reporter", "blocked", "expired", "narrow"}:
            world.add_member(acme, user, _REPORTER)
    world.add_member(acme, world.user_named("guest"), _GUEST)
    world.add_member(shop, world.user_named("developer"), _DEVELOPER)
    world.add_token(TOKENS["admin"], user=world.add_user("admin"), admin=True)
