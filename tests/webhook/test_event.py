"""What is read of an event, and what is not believed."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.webhook.event import DeploymentEvent, MalformedError, read_event
from tests.webhook.payloads import content, payload


def test_a_success_names_project_deployment_and_environment() -> None:
    assert read_event(content()) == DeploymentEvent(1, 77, 5077, "production")


def test_an_old_gitlab_does_not_tell_the_deployment() -> None:
    """Before 14.2; its job stands for it."""
    event = read_event(content(deployment=None))
    assert event == DeploymentEvent(1, None, 5077, "production")
    assert event.identity == (1, "job", 5077)


def test_deployments_made_through_the_api_have_no_job() -> None:
    event = read_event(content(deployment=None, deployable_id=None))
    assert event is not None
    assert event.identity is None


@pytest.mark.parametrize("status", ["running", "failed", "canceled", "created", "Success", "", 1])
def test_only_a_success_takes_effect(status: object) -> None:
    assert read_event(content(status=status)) is None


@pytest.mark.parametrize("kind", ["push", "pipeline", "job", "release", None, ["deployment"], {}])
def test_other_events_are_of_no_use(kind: object) -> None:
    assert read_event(content(object_kind=kind)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b'"deployment"',
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"object_kind": "deployment", "status": "success", "project": {"id": ' + b"9" * 5000,
        content(project="1"),
        content(project=True),
        content(project=1.0),
        content(project=0),
        content(project=-1),
        content(project=2**63),
        content(deployment="77"),
        content(deployment=2**63),
        json.dumps({**payload(), "project": None}).encode(),
        json.dumps({**payload(), "project": "acme/app"}).encode(),
        json.dumps({**payload(), "project": {"path_with_namespace": "acme/app"}}).encode(),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_gitlab_never_sends_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError) as refused:
        read_event(body)
    assert "77" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "a\nb", "a\0b", "\ud800", "\u202e", 7, ["production"], None]
)
def test_a_name_that_no_environment_has_is_no_hint(name: Any) -> None:
    """The project is polled nevertheless, in all its environments."""
    event = read_event(json.dumps({**payload(), "environment": name}).encode())
    assert event == DeploymentEvent(1, 77, 5077, None)


def test_a_folder_of_environments_and_any_letters_are_names() -> None:
    assert read_event(content(environment="review/größe 2")) == DeploymentEvent(
        1, 77, 5077, "review/größe 2"
    )


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["deployment", "success", 2**63, 10**30]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=50)
@given(changes=st.dictionaries(st.sampled_from([*payload(), "x"]), _JSON), inner=_JSON)
def test_any_json_is_read_or_refused(changes: dict[str, Any], inner: Any) -> None:
    for fields in (changes, {**payload(), **changes}, {**payload(), "project": {"id": inner}}):
        try:
            event = read_event(json.dumps(fields).encode())
        except MalformedError:
            continue
        if event is not None:
            assert 0 < event.project_id < 2**63
            assert event.environment is None or event.environment.encode()


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(MalformedError):
        assert read_event(body) is None
