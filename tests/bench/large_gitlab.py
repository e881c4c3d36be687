"""A simulated GitLab of a large fleet as a process of its own, for an exporter that knows it all.

It holds of each environment only the newest deployment, which is all that a poll looks at. It
prints its URL; each line on standard input has it deploy to so many projects, five minutes after
which merge requests are final, and it prints when that is done.
"""

import argparse
import sys
from datetime import datetime, timedelta
from random import Random

import numpy as np

from exporter.instant import Instant, to_datetime
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.world import Environment
from tests.bench.fleet import Fleet

LATER_IDS = 100_000_000
AGO = timedelta(minutes=6)


def fill(world: World, fleet: Fleet) -> list[Environment]:
    """Add the fleet's projects, with the newest deployment of each environment."""
    environments = {}
    for number in range(1, fleet.projects + 1):
        founded = to_datetime(Instant(fleet.begin - 1))
        project = world.add_project(fleet.project_path(number), id=number, created_at=founded)
        for one in fleet.environments_of(number):
            environments[one.id] = world.add_environment(
                project, one.name, tier=one.tier, id=one.id, created_at=founded
            )
    # The last position of each, in columns that are ordered by time.
    numbers, last = np.unique(fleet.environments[::-1], return_index=True)
    positions = len(fleet.environments) - 1 - last
    for number, position in zip(numbers.tolist(), positions.tolist(), strict=True):
        finished_at = to_datetime(int(fleet.finished[position]))
        world.add_deployment(
            environments[number],
            id=position + 1,
            created_at=finished_at - timedelta(minutes=3),
            finished_at=finished_at,
        )
    return [one for one in environments.values() if one.name == "production"]


def deploy(world: World, environments: list[Environment], number: int, random: Random) -> None:
    """Deploy to so many projects, with one or two merge requests each."""
    finished_at: datetime = world.clock().replace(microsecond=0) - AGO
    with world.lock:
        first = max(LATER_IDS, *world.deployments) + 1
        for deployment_id, one in enumerate(random.sample(environments, number), start=first):
            merged = [
                world.add_merge_request(one.project, merged_at=finished_at - timedelta(hours=hours))
                for hours in range(1, random.randint(1, 2) + 1)
            ]
            world.add_deployment(
                one,
                id=deployment_id,
                created_at=finished_at - timedelta(minutes=3),
                finished_at=finished_at,
                merge_requests=merged,
            )


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    for name in ("projects", "days", "seed", "end"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    fleet = Fleet.make(projects=options.projects, days=options.days, seed=options.seed)
    world, random = World(), Random(options.seed)
    environments = fill(world, fleet.ending(options.end))
    with SimulatedGitLab(world) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            deploy(world, environments, int(line), random)
            sys.stdout.write("deployed\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
