"""Keeps a simulated estate alive: one new event at a time."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from exporter.simulator.estate.changes import MAIN, PEOPLE
from exporter.simulator.estate.linking import gets_links
from exporter.simulator.estate.working_hours import log_normal
from exporter.simulator.world import Environment, MergeRequest, World

_LINKING_DELAY: Final = timedelta(seconds=30)
_FAILURES: Final = 0.12


def live(world: World, *, rng: Random) -> None:
    """Let a deployment finish at the world's present, now and then a failed one.

    It goes to an environment in use, mostly of the production tier, with one to four merge
    requests merged shortly before; their links show half a minute later. Without an environment
    in use nothing happens.

    Args:
        world: What to add to.
        rng: The only source of chance.
    """
    with world.lock:
        environments = [
            environment
            for environment in world.environments.values()
            if environment.state == "available"
            and not environment.project.archived
            and len(world.index(environment.project).select((environment.id, "success")))
        ]
        if not environments:
            return
        weights = [8 if environment.tier == "production" else 1 for environment in environments]
        environment = rng.choices(environments, weights)[0]
        now = world.clock()
        created_at = now - log_normal(rng, timedelta(minutes=3), sigma=0.5)
        failed = rng.random() < _FAILURES
        merge_requests = [] if failed else _merge(world, rng, environment, created_at)
        linked = gets_links(environment.name, environment.tier)
        world.add_deployment(
            environment,
            status="failed" if failed else "success",
            created_at=created_at,
            finished_at=now,
            ref=MAIN,
            merge_requests=merge_requests if linked else (),
            links_visible_at=now + _LINKING_DELAY,
        )


def _merge(
    world: World, rng: Random, environment: Environment, before: datetime
) -> list[MergeRequest]:
    merged = []
    for _ in range(rng.randint(1, 4)):
        merged_at = before - log_normal(rng, timedelta(hours=4))
        created_at = merged_at - log_normal(rng, timedelta(hours=9))
        merged.append((created_at, merged_at))
    return [
        world.add_merge_request(
            environment.project,
            created_at=created_at,
            merged_at=merged_at,
            target_branch=MAIN,
            author=rng.choice(PEOPLE),
        )
        for created_at, merged_at in sorted(merged)
    ]
