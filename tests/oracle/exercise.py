"""What a case puts to the test: without the hard parts, agreement would say little."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.brute_force import BruteForce, Fact, counts
from tests.oracle.case import Case
from tests.oracle.question import Question

HARD_PARTS = frozenset(
    {
        "all projects of a group left out",
        "author left out",
        "bucket before the history",
        "bucket without a lead time",
        "bucket without deployments",
        "day of 23 or 25 hours",
        "deployment at the very begin of a window",
        "deployment at the very end of a window",
        "deployment before the history",
        "deployment overtaken by a later one",
        "exact finish cut to the second",
        "first deployment counts",
        "first deployment does not count",
        "guessed finish",
        "guessed tier",
        "local day that is not the day in UTC",
        "merge request in two environments",
        "month cut by the range",
        "negative lead time",
        "percentile between two values",
        "project left out",
        "question over several tiers",
        "subgroups left out",
        "target branch left out",
        "tier of several environments on one day",
        "tier overridden",
        "tier over several projects",
        "unsuccessful deployment",
        "window before not covered",
        "window not covered",
    }
)


def hard_parts(case: Case, oracle: BruteForce, questions: Iterable[Question]) -> Counter[str]:
    """Count how often each of `HARD_PARTS` occurs in a case."""
    found: Counter[str] = Counter()
    for fact in oracle.facts:
        found.update(_of_deployment(fact, oracle))
    found.update(_of_tiers(oracle))
    found.update(_of_scope(case, oracle))
    found.update(_of_windows(case, oracle))
    for question in questions:
        found.update(_of_answer(question, oracle))
    old = len(oracle.deployments) - len(oracle.facts)
    exact = case.world.features.graphql and case.world.features.graphql_finished_at
    for one in case.world.deployments.values():
        if one.status != "success":
            found["unsuccessful deployment"] += 1
        elif exact and one.finished_at is not None and one.finished_at.microsecond:
            found["exact finish cut to the second"] += 1
    found["guessed finish"] += 0 if exact else len(oracle.facts)
    found["deployment before the history"] += old
    found["deployment overtaken by a later one"] += sum(
        one.environment.id == other.environment.id
        and one.deployment.id < other.deployment.id
        and one.deployment.finished_at > other.deployment.finished_at
        for one in oracle.facts
        for other in oracle.facts
    )
    return +found


def _of_deployment(fact: Fact, oracle: BruteForce) -> Iterable[str]:
    deployment, rules = fact.deployment, oracle.config["lead_time"]
    if fact.first and deployment.merge_requests:
        counted = rules["first_deployment"] == "include"
        yield f"first deployment {'counts' if counted else 'does not count'}"
    if any(one.negative for one in fact.lead_times):
        yield "negative lead time"
    if _hours(fact.day, oracle.zone) != 24:
        yield "day of 23 or 25 hours"
    if fact.day != deployment.finished_at.astimezone(UTC).date():
        yield "local day that is not the day in UTC"
    for one in deployment.merge_requests:
        if one.author in rules["exclude_authors"]:
            yield "author left out"
        elif not counts(one, rules):
            yield "target branch left out"
    if oracle.tiers[fact.environment.id] != fact.environment.tier:
        yield "tier overridden" if fact.environment.tier else "guessed tier"


def _of_tiers(oracle: BruteForce) -> Iterable[str]:
    environments: dict[tuple[int, str, date], set[int]] = {}
    projects: dict[str, set[int]] = {}
    linked: dict[int, set[int]] = {}
    for fact in oracle.facts:
        if fact.lead_times:
            key = fact.project_id, fact.tier, fact.day
            environments.setdefault(key, set()).add(fact.environment.id)
            projects.setdefault(fact.tier, set()).add(fact.project_id)
        for one in fact.deployment.merge_requests:
            linked.setdefault(one.id, set()).add(fact.environment.id)
    for name, several in (
        ("tier of several environments on one day", environments.values()),
        ("tier over several projects", projects.values()),
        ("merge request in two environments", linked.values()),
    ):
        yield from (name for ids in several if len(ids) > 1)


def _of_scope(case: Case, oracle: BruteForce) -> Iterable[str]:
    if len(oracle.projects) < len(case.world.projects):
        yield "project left out"
    (entry,) = case.config["groups"]
    if not entry["include_subgroups"]:
        yield "subgroups left out"
    if any(not oracle.members("group", one) for one in oracle.groups):
        yield "all projects of a group left out"


def _of_windows(case: Case, oracle: BruteForce) -> Iterable[str]:
    covered = {(prefix, window) for prefix, window, _, _ in oracle.windows()}
    for window in case.config["windows"]:
        if ("", window) not in covered:
            yield "window not covered"
        elif ("previous_", window) not in covered:
            yield "window before not covered"
    finishes = {fact.deployment.finished_at for fact in oracle.facts}
    for _, _, begin, end in oracle.windows():
        if begin in finishes:
            yield "deployment at the very begin of a window"
        if end in finishes:
            yield "deployment at the very end of a window"


def _of_answer(question: Question, oracle: BruteForce) -> Iterable[str]:
    if len(question.tiers) > 1:
        yield "question over several tiers"
    for day, value in oracle.answer(question):
        assert question.start is not None
        if question.interval == "monthly" and day < question.start:
            yield "month cut by the range"
        if question.metric == "deployment_frequency":
            if value is None:
                yield "bucket before the history"
            elif value == 0:
                yield "bucket without deployments"
        elif value is None and max(day, question.start) >= oracle.first_day:
            yield "bucket without a lead time"
        elif value is not None and not (value * 1000).is_integer():
            yield "percentile between two values"


def _hours(day: date, zone: ZoneInfo) -> float:
    """Return how long a day is; one that the clocks skip as a whole has none."""
    midnights = [
        datetime(one.year, one.month, one.day, tzinfo=zone).astimezone(UTC)
        for one in (day, day + timedelta(days=1))
    ]
    return (midnights[1] - midnights[0]) / timedelta(hours=1)
