"""Both sides asked for each day of a range, and what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from threading import Event

from exporter.asking import new_client, token_of
from exporter.clock import Clock
from exporter.config import Settings, TokenSource
from exporter.dora.arithmetic import deployment_frequency, lead_time_for_changes
from exporter.dora.calendar import Interval, buckets, day_begins, day_of
from exporter.dora.facts import Group, Project
from exporter.explain.facts import TracedDeployment
from exporter.gitlab import Budget
from exporter.gitlab.dora import DoraReader, Metric, NotLicensedError
from exporter.ledger import Ledger, View
from exporter.poller.progress import Progress
from exporter.store import Store
from exporter.tracing import traced
from exporter.verify.arithmetic import Rules
from exporter.verify.evidence import Evidence
from exporter.verify.reasons import Cell, Explainer, Reason, alike

METRICS: tuple[Metric, ...] = ("deployment_frequency", "lead_time_for_changes")


class VerifyError(Exception):
    """There is nothing to compare; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A number that differs, and why; without reasons nobody knows."""

    subject: str
    metric: Metric
    tier: str
    day: date
    gitlab: float | None
    ours: float | None
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it. ``subjects`` were compared, ``unlicensed`` could not be.

    ``numbers`` is how many numbers were compared.
    """

    start: date
    end: date
    subjects: Sequence[str]
    unlicensed: Sequence[str]
    numbers: int
    differences: Sequence[Difference]

    @property
    def unexplained(self) -> int:
        """How many differences have no known reason."""
        return sum(not one.reasons for one in self.differences)


def verify(
    settings: Settings,
    token: TokenSource,
    clock: Clock,
    *,
    start: date,
    end: date,
    each_project: bool = False,
) -> Comparison:
    """Compare what is stored with what GitLab itself computes; nothing is written.

    Args:
        settings: which GitLab and which store, and what is compared: the configured projects and
            groups.
        token: for GitLab.
        clock: the present.
        start: the first day.
        end: the last.
        each_project: whether each project in scope is compared, too.

    Raises:
        GitLabError: if GitLab does not answer.
        StoreError: if the store cannot be opened.
        VerifyError: if the store holds nothing to compare.
    """
    stop = Event()
    client = new_client(
        settings,
        token_of(token),
        clock=clock,
        stop=stop,
        budget=Budget(clock, stop, **settings.gitlab.limits),
        observer=lambda _endpoint, _code: None,
    )
    try:
        with Store.open(settings.store.url) as store:
            with store.one_state():
                view = Ledger(store, settings).view()
                subjects = _subjects(view, settings, each_project=each_project)
            return _Verification(settings, store, view, DoraReader(client), clock).run(
                subjects, start, end
            )
    finally:
        client.close()


def _subjects(view: View, settings: Settings, *, each_project: bool) -> list[Project | Group]:
    if view.polled_at is None:
        raise VerifyError(
            "the store holds no complete poll yet: there is nothing to compare; "
            "run the exporter until /-/ready answers 200"
        )
    found: list[Project | Group | None] = [
        *(view.find_project(str(one)) for one in settings.projects),
        *(view.find_group(str(one.path)) for one in settings.groups),
        *(view.scope.projects if each_project else ()),
    ]
    subjects = list({(type(one), one.id): one for one in found if one is not None}.values())
    if not subjects:
        raise VerifyError("none of the configured projects and groups is in the store")
    return subjects


class _Verification:
    """Compares subject by subject."""

    def __init__(
        self, settings: Settings, store: Store, view: View, reader: DoraReader, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._view = view
        self._reader = reader
        self._clock = clock

    def run(self, subjects: Sequence[Project | Group], start: date, end: date) -> Comparison:
        progress = Progress("comparing projects and groups", self._clock)
        progress.expect(len(subjects))
        compared: list[str] = []
        unlicensed: list[str] = []
        differences: list[Difference] = []
        numbers = 0
        try:
            for one in subjects:
                try:
                    number, found = self._compare(one, start, end)
                except NotLicensedError:
                    unlicensed.append(one.path)
                else:
                    compared.append(one.path)
                    numbers += number
                    differences += found
                progress.advance()
        finally:
            progress.finish()
        return Comparison(start, end, compared, unlicensed, numbers, differences)

    def _compare(
        self, subject: Project | Group, start: date, end: date
    ) -> tuple[int, list[Difference]]:
        view, projects = self._view, self._view.projects_of(subject)
        evidence = Evidence(self._reader, start=start, end=end, asked_at=self._clock.now())
        explainer = Explainer(Rules.configured(self._settings), evidence)
        deployments = self._deployments(projects, start, end)
        tiers = view.tiers_of(subject) | {one.given_tier for one in deployments} or {"production"}
        numbers, found = 0, []
        for metric in METRICS:
            for tier in sorted(tiers):
                gitlabs = self._reader.by_day(
                    "project" if isinstance(subject, Project) else "group",
                    subject.id,
                    metric=metric,
                    tier=tier,
                    start=start,
                    end=end,
                )
                for day, ours in self._ours(subject, metric, tier, start, end):
                    numbers += 1
                    cell = Cell(
                        subject, projects, metric, tier, day, gitlabs.get(day), ours, gitlabs
                    )
                    if alike(metric, cell.gitlab, ours):
                        continue
                    reasons = explainer.explain(
                        cell,
                        self._around(deployments, day),
                        covered_since=view.covered_since(subject),
                        known_to=view.polled_to(subject),
                    )
                    found.append(
                        Difference(subject.path, metric, tier, day, cell.gitlab, ours, reasons)
                    )
        found.sort(key=lambda one: (one.day, one.metric, one.tier))
        return numbers, found

    def _ours(
        self, subject: Project | Group, metric: Metric, tier: str, start: date, end: date
    ) -> list[tuple[date, float | None]]:
        """Return what the exporter answers, day by day."""
        view = self._view
        days = buckets(start, end, Interval.DAILY, view.rules.zone)
        covered_since = view.covered_since(subject)
        if covered_since is None:
            return [(one.day, None) for one in days]
        if metric == "deployment_frequency":
            values: Sequence[float | None] = deployment_frequency(
                view.timeline(subject, [tier]), days, covered_since
            )
        else:
            timeline, rules = view.lead_times(subject, [tier])
            values = lead_time_for_changes(timeline, days, covered_since, rules)
        return [(day.day, value) for day, value in zip(days, values, strict=True)]

    def _deployments(
        self, projects: Sequence[Project], start: date, end: date
    ) -> list[TracedDeployment]:
        """Return what is stored of the range and two days around, up to the last polls."""
        around = timedelta(days=2)
        stored = self._store.provenance.deployments(
            [one.id for one in projects],
            day_begins(start - around, UTC),
            day_begins(end + around, UTC),
        )
        polled = {one.id: one.polled_at for one in projects}
        return [
            traced(one, self._settings)
            for one in stored
            if one.finished_at <= (polled[one.environment.project_id] or 0)
        ]

    @staticmethod
    def _around(deployments: Sequence[TracedDeployment], day: date) -> list[TracedDeployment]:
        near = timedelta(days=1)
        return [
            one for one in deployments if day - near <= day_of(one.finished_at, UTC) <= day + near
        ]
