"""Which merge requests GitLab links to which deployment of an environment."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from exporter.simulator.estate.changes import Change
from exporter.simulator.estate.timeline import Release

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def gets_links(environment_name: str, tier: str) -> bool:
    """Tell whether GitLab links merge requests here: not in folders of the lower tiers."""
    return "/" not in environment_name or tier in {"production", "staging"}


class Linker:
    """Links the merged changes of one project as GitLab does.

    Args:
        changes: All changes of the project; those not merged are passed over.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        merged: dict[str, list[tuple[datetime, Change]]] = defaultdict(list)
        for change in changes:
            if change.merged_at is not None:
                merged[change.target_branch].append((change.merged_at, change))
        self._changes: dict[str, list[Change]] = {}
        self._times: dict[str, list[datetime]] = {}
        for branch, pairs in merged.items():
            pairs.sort(key=lambda pair: pair[0])
            self._times[branch] = [merged_at for merged_at, _ in pairs]
            self._changes[branch] = [change for _, change in pairs]

    def link(self, releases: Sequence[Release]) -> list[list[Change]]:
        """Link the deployments of one environment.

        The first success gets every change merged into its branch so far; a later one what came
        since the success before it, unless an earlier deployment had it already.

        Args:
            releases: All deployments of the environment, oldest first.

        Returns:
            The changes of each deployment, in the same order.
        """
        linked: set[Change] = set()
        before: Mapping[str, datetime] | None = None
        found: list[list[Change]] = []
        for release in releases:
            if release.status != "success" or release.finished_at is None:
                found.append([])
                continue
            candidates = list(release.unmerged)
            if before is None:
                candidates += self._merged(release.ref, _LONG_AGO, release.finished_at)
            else:
                for branch, until in release.content.items():
                    candidates += self._merged(branch, before.get(branch, _LONG_AGO), until)
            fresh = [change for change in candidates if change not in linked]
            linked.update(fresh)
            found.append(fresh)
            before = release.content
        return found

    def _merged(self, branch: str, after: datetime, until: datetime) -> list[Change]:
        times = self._times.get(branch, [])
        start, stop = bisect_right(times, after), bisect_right(times, until)
        return self._changes.get(branch, [])[start:stop]
