"""Answers of GitLab that are not what they should be, and answers that lead elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.access.answers import Said, granted
from tests.access.estate import Estate, HeldClock, Target, access_to, ask
from tests.access.scripted_gitlab import Line, ScriptedGitLab, scripted_gitlab

TOKEN = "Secret-of-the-caller"
USER = 77


@pytest.fixture
def gitlab() -> Iterator[ScriptedGitLab]:
    """A GitLab that knows nobody yet."""
    with scripted_gitlab() as opened:
        yield opened


@pytest.fixture
def client(estate: Estate, clock: HeldClock, gitlab: ScriptedGitLab) -> Iterator[TestClient]:
    """Pages that ask the scripted GitLab about callers."""
    access = access_to(gitlab.url, clock, estate.service, timeout=2.0)
    with estate.client(access) as opened:
        yield opened
    access._callers.close()


@pytest.fixture(params=["acme/team/app", "acme/team"])
def target(request: pytest.FixtureRequest, estate: Estate) -> Target:
    """A private project, and a private group."""
    return estate.targets[request.param]


def _truth(target: Target) -> dict[str, object]:
    """Return what GitLab says of a Reporter by invitation, by who, what and role."""
    return {
        "who": {"id": USER},
        "what": {
            "id": target.id,
            "permissions": {"project_access": None, "group_access": {"access_level": 10}},
        },
        "role": {"id": USER, "access_level": 20, "membership_state": "active"},
    }


def _paths(target: Target) -> dict[str, str]:
    what = f"/{target.kind}s/{target.id}"
    return {"who": "/user", "what": what, "role": f"{what}/members/all/{USER}"}


def _tell(gitlab: ScriptedGitLab, target: Target, **other: Line) -> None:
    lines = {name: Line(body) for name, body in _truth(target).items()} | other
    gitlab.script = {path: lines[name] for name, path in _paths(target).items()}


def test_the_truth_gives_access(gitlab: ScriptedGitLab, client: TestClient, target: Target) -> None:
    _tell(gitlab, target)
    assert Said.by(ask(client, target, TOKEN)) == granted(target)
    assert [path for path, _ in gitlab.received] == [
        f"/api/v4{path}" for path in _paths(target).values()
    ]


_ANY: tuple[object, ...] = (
    None,
    True,
    0,
    1.5,
    "text",
    [],
    {},
    [{"id": USER}],
    [[]],
    {"message": "hello"},
)

LIES: dict[str, tuple[object, ...]] = {
    "who": (
        *_ANY,
        {"id": str(USER)},
        {"id": float(USER)},
        {"id": True},
        {"id": None},
        {"id": [USER]},
        {"id": USER + 1},
        {"id": -USER},
        {"username": "root"},
        {"id": USER, "is_admin": "true"},
        {"id": USER, "is_admin": 1},
        {"id": USER, "is_admin": [True]},
    ),
    "what": (
        *_ANY,
        {"id": "{id}"},
        {"id": 1_000_000},
        {"id": None},
        {"id": ["{number}"]},
        {"permissions": {"project_access": {"access_level": 50}}},
        {"id": 1_000_000, "permissions": {"project_access": {"access_level": 50}}},
        {"id": "{id}", "permissions": {"project_access": {"access_level": 50}}},
        {"id": "{number}", "permissions": {"project_access": {"access_level": "50"}}},
        {"id": "{number}", "permissions": {"group_access": {"access_level": 50.0}}},
        {"id": "{number}", "permissions": {"group_access": {"access_level": True}}},
        {"id": "{number}", "permissions": {"group_access": [{"access_level": 50}]}},
        {"id": "{number}", "permissions": {"group_access": 50}},
        {"id": "{number}", "permissions": [50]},
        {"id": "{number}", "permissions": "owner"},
    ),
    "role": (
        *_ANY,
        {"id": USER},
        {"access_level": 50},
        {"id": USER + 1, "access_level": 50},
        {"id": str(USER), "access_level": 50},
        {"id": USER, "access_level": "50"},
        {"id": USER, "access_level": 50.0},
        {"id": USER, "access_level": True},
        {"id": USER, "access_level": [50]},
        {"id": USER, "access_level": None},
        {"id": USER, "access_level": 19},
        {"id": USER, "access_level": -50},
        {"id": USER, "access_level": 50, "membership_state": "awaiting"},
        {"id": USER, "access_level": 50, "membership_state": None},
        [{"id": USER, "access_level": 50}],
    ),
}


def _filled(body: object, target: Target) -> object:
    if isinstance(body, dict):
        return {name: _filled(value, target) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, target) for value in body]
    return (
        {"{id}": str(target.id), "{number}": target.id}.get(body, body)
        if isinstance(body, str)
        else body
    )


@pytest.mark.parametrize(
    ("place", "lie"), [(place, lie) for place, lies in LIES.items() for lie in lies]
)
def test_a_lie_gives_no_access(
    gitlab: ScriptedGitLab, client: TestClient, target: Target, place: str, lie: object
) -> None:
    body = _filled(lie, target)
    # So that only a lie about the container could let the caller in.
    other = {"role": Line({"message": "404 Not found"}, 404)} if place == "what" else {}
    _tell(gitlab, target, **{**other, place: Line(body)})
    assert ask(client, target, TOKEN).status_code in {401, 404, 503}


@pytest.mark.parametrize("place", ["who", "what", "role"])
@pytest.mark.parametrize(
    "line",
    [
        Line(b"", 204),
        Line(b"", 200),
        Line(b"null", 201),
        Line(b"{}", 202),
        Line(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"}),
        Line(b"[" * 100_000, 200),
        Line(b'{"id": 1' + b"0" * 5000 + b"}", 200),
        Line(b'{"id": NaN}', 200),
        Line(b'{"id": 1e999}', 200),
        Line(b"\xff\xfe\x00\x00", 200),
        Line(b"not compressed", 200, {"Content-Encoding": "gzip"}),
        Line({"message": "I am a teapot"}, 418),
        Line({"message": "Slow down"}, 429),
        Line(b"{}", 302, {"Location": "http://[bad"}),
        Line(b"{}", 302, {"Location": "ftp://127.0.0.1/"}),
        Line(b"{}", 302, {"Location": "http://\xff/"}),
        Line(b"{}", 302, {"Location": "/api/v4/user"}),
        Line(b"{}", 302, {}),
        Line(b"[]", 403),
        Line({"message": {"nested": 1}}, 403),
        Line({}, 401),
    ],
    ids=lambda line: f"{line.status} {line.content()[:20]!r} {dict(line.headers)}",
)
def test_an_odd_answer_gives_no_access(
    gitlab: ScriptedGitLab, client: TestClient, target: Target, place: str, line: Line
) -> None:
    _tell(gitlab, target, **{place: line})
    response = ask(client, target, TOKEN)
    assert response.status_code in {401, 403, 404, 503}
    assert response.json(), "a refusal says something"


@pytest.mark.parametrize("place", ["who", "what", "role"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_to_another_host_is_followed(
    gitlab: ScriptedGitLab, client: TestClient, target: Target, place: str, status: int
) -> None:
    with scripted_gitlab() as other:
        _tell(other, target)
        elsewhere = f"{other.url}/api/v4{_paths(target)[place]}"
        _tell(gitlab, target, **{place: Line(b"{}", status, {"Location": elsewhere})})
        assert ask(client, target, TOKEN).status_code == 503
        assert other.received == []
        # Nothing was cached: the true answer lets the caller in at once.
        _tell(gitlab, target)
        assert Said.by(ask(client, target, TOKEN)) == granted(target)


def test_a_redirect_to_another_container_gives_no_access(
    gitlab: ScriptedGitLab, client: TestClient, target: Target
) -> None:
    own = {"id": 4711, "permissions": {"project_access": {"access_level": 50}}}
    moved = Line(b"{}", 301, {"Location": f"{gitlab.url}/api/v4/{target.kind}s/4711"})
    _tell(gitlab, target, what=moved)
    gitlab.script[f"/{target.kind}s/4711"] = Line(own)
    assert ask(client, target, TOKEN).status_code == 404


@pytest.mark.parametrize("bearer", [False, True], ids=["header", "bearer"])
def test_gitlab_hears_the_callers_token_and_nothing_else_of_ours(
    gitlab: ScriptedGitLab,
    client: TestClient,
    target: Target,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    bearer: bool,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    cookie = {"Set-Cookie": "_gitlab_session=of-the-first-caller; Path=/"}
    _tell(gitlab, target, who=Line({"id": USER}, 200, cookie))
    for token in (TOKEN, "Secret-of-another"):
        gitlab.received.clear()
        assert ask(client, target, token, bearer=bearer).status_code == 200
        assert len(gitlab.received) == 3
        for _, headers in gitlab.received:
            sent = {name: headers.get(name) for name in ("private-token", "authorization")}
            assert sent == {
                "private-token": None if bearer else token,
                "authorization": f"Bearer {token}" if bearer else None,
            }
            assert "cookie" not in headers
