from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from exporter.simulator import World
from exporter.simulator.deployment_index import sort_key
from exporter.simulator.records import FINISHED_STATUSES, STATUSES
from tests.simulator.conftest import NOON


@given(
    rows=st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(0, 5), st.booleans())),
    start=st.integers(0, 6),
    stop=st.integers(0, 6),
    offset=st.integers(0, 4),
    limit=st.integers(1, 4),
    descending=st.booleans(),
)
def test_page_is_the_slice_of_the_sorted_matches(
    rows: list[tuple[str, int, bool]],
    start: int,
    stop: int,
    offset: int,
    limit: int,
    *,
    descending: bool,
) -> None:
    world = World()
    project = world.add_project("a/b")
    environments = {flag: world.add_environment(project, f"env-{flag}") for flag in (True, False)}
    for status, minute, flag in rows:
        at = NOON + timedelta(minutes=minute)
        end = at if status in FINISHED_STATUSES else None
        world.add_deployment(environments[flag], status=status, created_at=at, finished_at=end)
    low, high = (NOON + timedelta(minutes=minute) for minute in (start, stop))
    scope = (environments[True].id, "success")
    page = (
        world.index(project)
        .select(scope, "finished_at", start=(low, 0), stop=(high, 0))
        .page(offset, limit, descending=descending)
    )
    expected = sorted(
        (sort_key(row, "finished_at") or (NOON, 0))
        for row in world.deployments.values()
        if (row.environment.id, row.status) == scope
        and row.finished_at is not None
        and low <= row.finished_at < high
    )
    if descending:
        expected.reverse()
    assert page == [number for _, number in expected[offset : offset + limit]]
