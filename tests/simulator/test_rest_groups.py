from exporter.simulator import World
from tests.simulator.conftest import Caller


def test_groups_below_are_listed_one_level_or_all(caller: Caller, world: World) -> None:
    top, middle, leaf = (world.add_group(path) for path in ("a", "a/b", "a/b/c"))
    world.add_group("ab")
    assert caller.ids("/groups/a/subgroups") == [middle.id]
    assert caller.ids("/groups/a/descendant_groups") == [middle.id, leaf.id]
    assert caller.get("/groups/a%2Fb").json()["parent_id"] == top.id


def test_groups_are_listed_by_role(caller: Caller, world: World) -> None:
    user = world.add_user("ann")
    world.add_token("ann-token", user=user)
    mine = world.add_group("mine")
    world.add_group("other")
    world.add_member(mine, user, 20)
    ann = caller.using("ann-token")
    assert ann.ids("/groups", min_access_level=20) == [mine.id]
    assert ann.ids("/groups", min_access_level=30) == []
    assert ann.get(f"/groups/mine/members/all/{user.id}").json()["access_level"] == 20
