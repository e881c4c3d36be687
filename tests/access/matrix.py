"""Who asks, in which forms, and what each is to be answered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import quote

import httpx2
from starlette.testclient import TestClient

from exporter.simulator.world import Group, Token, User, World
from tests.access.answers import BLOCKED, NARROW, UNAUTHORIZED, Said, to_level
from tests.access.estate import Estate, Target, question

Asks = Callable[[Estate, Target], tuple[str | None, Said] | None]
"""Makes a caller for a target; gives its token and the answer due, None if it makes no sense."""


def _member(level: int, *, bot: bool = False) -> Asks:
    def make(estate: Estate, target: Target) -> tuple[str, Said]:
        user, token = estate.user(bot=bot)
        estate.world.add_member(target.thing, user, level)
        return token.value, to_level(target, level)

    return make


def _above(level: int) -> Asks:
    def make(estate: Estate, target: Target) -> tuple[str, Said] | None:
        if target.parent is None:
            return None
        user, token = estate.user()
        estate.world.add_member(top_of(target.parent), user, level)
        return token.value, to_level(target, level)

    return make


def _invited(*, member: int, share: int, above: bool = False) -> Asks:
    def make(estate: Estate, target: Target) -> tuple[str, Said] | None:
        user, token = estate.user()
        group = estate.group()
        place = target.parent if above else target.thing
        if place is None:
            return None
        estate.world.add_member(group, user, member)
        estate.world.share_group(place, group, share)
        return token.value, to_level(target, min(member, share))

    return make


def _elsewhere(path: str) -> Asks:
    def make(estate: Estate, target: Target) -> tuple[str, Said] | None:
        project = estate.world.find_project(path)
        if project is None or project is target.thing:
            return None
        user, token = estate.user()
        estate.world.add_member(project, user, 20)
        below = target.kind == "group" and path.startswith(f"{target.path}/")
        return token.value, to_level(target, 0, sees=below)

    return make


def _admin(estate: Estate, target: Target) -> tuple[str, Said]:
    _, token = estate.user(admin=True)
    return token.value, to_level(target, 50)


def _reporter_whose(spoil: Callable[[World, User, Token], object], due: Said) -> Asks:
    def make(estate: Estate, target: Target) -> tuple[str, Said]:
        user, token = estate.user()
        estate.world.add_member(target.thing, user, 20)
        spoil(estate.world, user, token)
        return token.value, due

    return make


def _expire(_world: World, _user: User, token: Token) -> None:
    token.expires_at = datetime.now(UTC) - timedelta(seconds=1)


def _revoke(_world: World, _user: User, token: Token) -> None:
    token.revoked = True


def _narrow(_world: World, _user: User, token: Token) -> None:
    token.scopes = ("read_user",)


def _block(_world: World, user: User, _token: Token) -> None:
    user.state = "blocked"


CALLERS: Mapping[str, Asks] = {
    "no token": lambda _estate, _target: (None, UNAUTHORIZED),
    "bad token": lambda _estate, _target: ("Secret-nobody-has-this", UNAUTHORIZED),
    "expired token": _reporter_whose(_expire, UNAUTHORIZED),
    "revoked token": _reporter_whose(_revoke, UNAUTHORIZED),
    "token with read_user": _reporter_whose(_narrow, NARROW),
    "blocked user": _reporter_whose(_block, BLOCKED),
    "stranger": _member(0),
    "minimal access": _member(5),
    "guest": _member(10),
    "planner": _member(15),
    "reporter": _member(20),
    "developer": _member(30),
    "owner": _member(50),
    "guest of the top group": _above(10),
    "developer of the top group": _above(30),
    "reporter by invitation": _invited(member=40, share=20),
    "developer by invitation above": _invited(member=30, share=30, above=True),
    "guest of a group invited as developer": _invited(member=10, share=30),
    "developer of a group invited as guest": _invited(member=30, share=10),
    "reporter of another project": _elsewhere("rival/other"),
    "reporter of a sibling": _elsewhere("acme/team/sibling"),
    "project access token": _member(20, bot=True),
    "guest's project access token": _member(10, bot=True),
    "administrator": _admin,
}

CREDENTIALS: Mapping[str, Callable[[str], tuple[dict[str, str], dict[str, str]]]] = {
    "header": lambda token: ({"PRIVATE-TOKEN": token}, {}),
    "bearer": lambda token: ({"Authorization": f"Bearer {token}"}, {}),
    "parameter": lambda token: ({}, {"private_token": token}),
}
"""Headers and parameters that carry a token."""

REFERENCES: Mapping[str, Callable[[Target], str]] = {
    "id": lambda target: str(target.id),
    "encoded path": lambda target: quote(target.path, safe=""),
    "plain path": lambda target: target.path,
    "upper case": lambda target: quote(target.path.upper(), safe=""),
}

ROUTES = ("/api/v4/{kind}s/{reference}/dora/metrics", "/{kind}s/{reference}/dora/metrics")
BY_QUERY = "/dora/metrics?{kind}={reference}"


@dataclass(frozen=True)
class Form:
    """One way to ask: how the token is carried, what is named, and by which path."""

    credential: str
    reference: str
    route: str

    def ask(self, client: TestClient, target: Target, token: str | None) -> httpx2.Response:
        """Ask for the number of a project or group."""
        headers, parameters = CREDENTIALS[self.credential](token) if token else ({}, {})
        path = self.route.format(
            kind=target.kind, reference=REFERENCES[self.reference](target)
        ).partition("?")
        query = httpx2.QueryParams(path[2]).merge({**question(), **parameters})
        return client.get(path[0], params=dict(query), headers=headers)


FORMS = tuple(Form(*one) for one in product(CREDENTIALS, REFERENCES, (*ROUTES, BY_QUERY)))


def top_of(group: Group) -> Group:
    """Return the top-level group that a group lies in."""
    return top_of(group.parent) if group.parent else group


@dataclass(frozen=True)
class Asked:
    """One cell of the matrix."""

    caller: str
    target: Target
    form: Form
    token: str | None
    due: Said
    response: httpx2.Response


def run(
    estate: Estate, client: TestClient, caller: str, forms: tuple[Form, ...] = FORMS
) -> Iterator[Asked]:
    """Ask about every target in these forms, as a caller made anew for each target."""
    for target in estate.targets.values():
        made = CALLERS[caller](estate, target)
        if made is None:
            continue
        token, due = made
        for form in forms:
            response = form.ask(client, target, token)
            yield Asked(caller, target, form, token, due, response)
