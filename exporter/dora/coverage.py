"""From when on the stored history tells everything."""

from collections.abc import Collection

from exporter.dora.facts import Project
from exporter.instant import Instant


def of_project(project: Project) -> Instant | None:
    """Return where a project's stored history begins, None if it was never read whole."""
    return project.covered_since if project.polled_at is not None else None


def of_group(projects: Collection[Project]) -> Instant | None:
    """Return where the stored history of some projects together begins.

    A project that had no deployment before its own history began, such as one that is younger,
    does not shorten that of the others.
    """
    begins = {one.id: of_project(one) for one in projects}
    bounds = [begin for begin in begins.values() if begin is not None]
    if not bounds:
        return None
    cut = [begin for one in projects if (begin := begins[one.id]) is not None and not one.complete]
    return max(cut) if cut else min(bounds)
