from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.config import Settings, load

TOKEN = "glpat-Zq7TokenOfTheTests"


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    """The settings that a file with this text gives."""
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, {"GITLAB_TOKEN": TOKEN, **environ})


def test_what_is_left_out_or_left_empty_has_its_default(tmp_path: Path) -> None:
    """A key without a value is as good as no key."""
    bare = loaded(tmp_path, "projects: [a/b]")
    empty = loaded(tmp_path, "projects: [a/b]\npoll:\nwindows:\nexclude:\ngitlab:\n  url:\n")
    assert bare == empty
    assert bare.poll.interval.text == "5m"
    assert [window.text for window in bare.windows] == ["1d", "7d", "30d", "90d"]


def test_projects_keep_ids_as_numbers_and_paths_as_text(tmp_path: Path) -> None:
    """Digits are an id however they are quoted; outer slashes do not matter."""
    settings = loaded(tmp_path, "projects: [42, '43', '${P}', /g/app/, 1/2]", P="44")
    assert settings.projects == (42, 43, 44, "g/app", "1/2")


def test_a_group_may_be_a_bare_path_or_id(tmp_path: Path) -> None:
    """The short form of a group has the defaults of the long one."""
    settings = loaded(tmp_path, "groups: [g, 7, {path: h/i, include_subgroups: no}]")
    found = [(group.path, group.include_subgroups, group.archived) for group in settings.groups]
    assert found == [("g", True, False), (7, True, False), ("h/i", False, False)]


def test_variables_are_filled_in_anywhere_in_text(tmp_path: Path) -> None:
    """Also inside longer text, numbers and booleans."""
    text = """
        gitlab: {url: "https://${HOST}:${PORT}", concurrency: "${N}", ssl_verify: "${B}"}
        projects: ["${G}/app"]
        store: {url: "postgresql+psycopg://u:${PASSWORD}@h/d"}
        """
    environ = {"HOST": "h", "PORT": "8443", "N": "2", "B": "false", "G": "g", "PASSWORD": "${N}"}
    settings = loaded(tmp_path, text, **environ)
    assert settings.gitlab.url == "https://h:8443"
    assert (settings.gitlab.concurrency, settings.gitlab.ssl_verify) == (2, False)
    assert settings.projects == ("g/app",)
    assert settings.store.url == "postgresql+psycopg://u:${N}@h/d", "filled in once only"


def test_anchors_a_byte_order_mark_and_json_are_fine(tmp_path: Path) -> None:
    """What YAML allows is not refused without need."""
    settings = loaded(tmp_path, "\ufeffprojects: &p [a/b]\nlead_time: {exclude_authors: *p}")
    assert settings.lead_time.exclude_authors == ("a/b",)
    assert loaded(tmp_path, '{"projects": ["a/b"], "windows": ["2w"]}').windows[0].text == "2w"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    """Settings are frozen all the way down."""
    settings = loaded(tmp_path, "projects: [a/b]")
    with pytest.raises(ValidationError, match="frozen"):
        settings.poll.interval = settings.poll.history


def test_retention_is_never_shorter_than_the_history(tmp_path: Path) -> None:
    """The longer of the two counts, and a warning says so."""
    text = "projects: [a/b]\nwindows: [1d]\npoll: {history: 90d, retention: "
    settings = loaded(tmp_path, text + "30d}")
    assert settings.effective_retention.text == "90d"
    assert settings.warnings() == [
        "poll.retention: 30d is shorter than poll.history (90d); facts are kept for 90d"
    ]
    settings = loaded(tmp_path, text + "1y}")
    assert settings.effective_retention.text == "1y"
    assert settings.warnings() == []


def test_what_is_allowed_but_doubtful_is_warned_of(tmp_path: Path) -> None:
    """Each warning begins with its key."""
    text = "projects: [a/b]\nwindows: [7d, 14d, 30d]\npoll: {history: 14d}\n"
    settings = loaded(tmp_path, text + "api: {auth: none}\ngitlab: {ssl_verify: off}")
    assert [warning.split(" ")[:2] for warning in settings.warnings()] == [
        ["windows:", "30d"],
        ["api.auth:", "none"],
        ["gitlab.ssl_verify:", "false"],
    ]
