"""What can happen to a caller's rights, and what they are to be answered before and after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.access.answers import BLOCKED, NARROW, UNAUTHORIZED, Said, granted, to_level
from tests.access.estate import Estate, Target
from tests.access.matrix import top_of


@dataclass(frozen=True)
class Change:
    """A caller with rights, how they lose them, and how they get them back."""

    token: str
    lose: Callable[[], None]
    regain: Callable[[], None]
    before: Said
    after: Said


Makes = Callable[[Estate, Target], Change | None]
"""Makes a caller who may read a target; None if it makes no sense for it."""


def _role(*, high: int, low: int, above: bool = False) -> Makes:
    def make(estate: Estate, target: Target) -> Change | None:
        if above and target.parent is None:
            return None
        place = top_of(target.parent) if above and target.parent else target.thing
        user, token = estate.user()

        def give(level: int) -> Callable[[], None]:
            return lambda: estate.world.add_member(place, user, level)

        give(high)()
        return Change(token.value, give(low), give(high), granted(target), to_level(target, low))

    return make


def _invitation(*, share: int) -> Makes:
    def make(estate: Estate, target: Target) -> Change:
        user, token = estate.user()
        group = estate.group()
        estate.world.add_member(group, user, 30)

        def give(level: int) -> Callable[[], None]:
            return lambda: estate.world.share_group(target.thing, group, level)

        give(30)()
        return Change(
            token.value, give(share), give(30), granted(target), to_level(target, min(30, share))
        )

    return make


def _left_invited_group(estate: Estate, target: Target) -> Change:
    user, token = estate.user()
    group = estate.group()
    estate.world.share_group(target.thing, group, 20)

    def give(level: int) -> Callable[[], None]:
        return lambda: estate.world.add_member(group, user, level)

    give(40)()
    return Change(token.value, give(0), give(40), granted(target), to_level(target, 0))


def _attribute(of: str, name: str, value: object, due: Said) -> Makes:
    """A Reporter, or their token, of whom something else than the role changes."""

    def make(estate: Estate, target: Target) -> Change:
        user, token = estate.user()
        estate.world.add_member(target.thing, user, 20)
        owner = user if of == "user" else token
        former = getattr(owner, name)

        def put(what: object) -> Callable[[], None]:
            return lambda: setattr(owner, name, what)

        return Change(token.value, put(value), put(former), granted(target), due)

    return make


def _administrator_no_more(estate: Estate, target: Target) -> Change:
    user, token = estate.user(admin=True)

    def put(admin: bool) -> Callable[[], None]:
        return lambda: setattr(token, "admin", admin)

    # Still a Guest, so that all but the role can be seen.
    estate.world.add_member(target.thing, user, 10)
    return Change(token.value, put(False), put(True), granted(target), to_level(target, 10))


def _made_private(estate: Estate, target: Target) -> Change | None:
    visibility = target.thing.visibility
    if visibility == "private":
        return None
    _, token = estate.user()

    def put(what: str) -> Callable[[], None]:
        return lambda: setattr(target.thing, "visibility", what)

    before = to_level(target, 0)
    hidden = Said(404, {"message": f"404 {target.kind.capitalize()} Not Found"})
    return Change(token.value, put("private"), put(visibility), before, hidden)


CHANGES: Mapping[str, Makes] = {
    "developer becomes guest": _role(high=30, low=10),
    "reporter becomes planner": _role(high=20, low=15),
    "reporter is removed": _role(high=20, low=0),
    "owner above becomes guest": _role(high=50, low=10, above=True),
    "developer above is removed": _role(high=30, low=0, above=True),
    "invitation is lowered": _invitation(share=10),
    "invitation is taken back": _invitation(share=0),
    "invited group is left": _left_invited_group,
    "token is revoked": _attribute("token", "revoked", True, UNAUTHORIZED),
    "token expires": _attribute(
        "token", "expires_at", datetime.now(UTC) - timedelta(seconds=1), UNAUTHORIZED
    ),
    "token is narrowed": _attribute("token", "scopes", ("read_user",), NARROW),
    "user is blocked": _attribute("user", "state", "blocked", BLOCKED),
    "administrator becomes guest": _administrator_no_more,
    "it is made private": _made_private,
}
