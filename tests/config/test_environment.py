from pathlib import Path

import pytest

from exporter.config import ConfigError, GroupScope, Settings, load
from exporter.config.keys import setting_keys

TOKEN = "glpat-Zq7TokenOfTheTests"
BASE = {"GITLAB_TOKEN": TOKEN, "GITLAB_DORA_PROJECTS": "a/b"}


def configured(**environ: str) -> Settings:
    """Settings from the environment alone."""
    return load(None, BASE | environ)


def refusal(path: Path | None = None, /, **environ: str) -> list[str]:
    """The messages that an environment is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(path, BASE | environ)
    return caught.value.messages


def token_of(settings: Settings) -> str:
    """The token the settings lead to."""
    return settings.gitlab.token_source().current()


def value(settings: Settings, path: tuple[str, ...]) -> object:
    """The setting at a path."""
    found: object = settings
    for name in path:
        found = getattr(found, name)
    return found


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    """Each setting has a variable, and no file is needed."""
    (tmp_path / "ca").touch()
    given: dict[str, tuple[str, object]] = {
        "gitlab.url": ("https://git.example.com/sub/", "https://git.example.com/sub"),
        "gitlab.ca_file": (str(tmp_path / "ca"), tmp_path / "ca"),
        "gitlab.ssl_verify": ("false", False),
        "gitlab.timeout": ("7s", "7s"),
        "gitlab.max_requests_per_second": ("2.5", 2.5),
        "gitlab.rate_limit_reserve": ("0.25", 0.25),
        "gitlab.concurrency": ("3", 3),
        "projects": ("a/b, 42", ("a/b", 42)),
        "groups": ("[g, {path: 7, archived: true}]", None),
        "exclude": ("^x/,-y$", None),
        "poll.interval": ("1m", "1m"),
        "poll.freshness": ("20m", "20m"),
        "poll.reconcile_interval": ("12h", "12h"),
        "poll.discovery_interval": ("2m", "2m"),
        "poll.history": ("3d", "3d"),
        "poll.retention": ("4d", "4d"),
        "environments.tier_overrides": ('[{"match": "^live", "tier": "production"}]', None),
        "lead_time.target_branches": ("main, stable", ("main", "stable")),
        "lead_time.exclude_authors": ("[bot]", ("bot",)),
        "lead_time.aggregation": ("daily_medians", "daily_medians"),
        "lead_time.first_deployment": ("include", "include"),
        "lead_time.missing_links": ("compare", "compare"),
        "timezone": ("Europe/Berlin", "Europe/Berlin"),
        "windows": ("[1d, 14d]", None),
        "metrics.levels": ("project", ("project",)),
        "metrics.tiers": ("production, staging", ("production", "staging")),
        "metrics.percentiles": ("50, 95", (50, 95)),
        "metrics.max_series": ("1000", 1000),
        "webhook.secret": ("Zq7SecretOfTheHook", None),
        "webhook.spacing": ("1m", "1m"),
        "store.url": ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        "api.auth": ("none", "none"),
        "api.payload": ("date_value", "date_value"),
        "api.max_range": ("92d", "92d"),
        "api.cors_origins": ("https://a.example", ("https://a.example",)),
        "gitlab.token": (TOKEN + "2", None),
    }
    keys = {".".join(key.path): key for key in setting_keys()}
    assert keys.keys() - given.keys() == {"gitlab.token_file", "webhook.secret_file"}
    settings = load(None, {keys[name].variable: text for name, (text, _) in given.items()})
    for name, (_, expected) in given.items():
        if expected is not None:
            found = value(settings, keys[name].path)
            assert found == expected or str(found) == expected, name
    assert settings.groups == (GroupScope(path="g"), GroupScope(path=7, archived=True))
    assert [pattern.pattern for pattern in settings.exclude] == ["^x/", "-y$"]
    assert settings.environments.tier_overrides[0].match.search("live-eu")
    assert [window.text for window in settings.windows] == ["1d", "14d"]
    assert token_of(settings) == TOKEN + "2"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A variable replaces the file's value, even one that could not be filled in."""
    path = tmp_path / "config.yaml"
    path.write_text("projects: [x/y, x/z]\npoll: {interval: 9m, history: 9d}\ntimezone: ${UNSET}\n")
    settings = load(
        path, BASE | {"GITLAB_DORA_POLL__INTERVAL": "1m", "GITLAB_DORA_TIMEZONE": "Asia/Tokyo"}
    )
    assert settings.projects == ("a/b",)
    assert (settings.poll.interval.text, settings.poll.history.text) == ("1m", "9d")
    assert settings.timezone.key == "Asia/Tokyo"


def test_a_token_file_from_the_environment_replaces_the_token_of_the_file(tmp_path: Path) -> None:
    """The two ways to give a token only clash within one source."""
    path = tmp_path / "config.yaml"
    path.write_text("gitlab: {token: '${UNSET}'}\n")
    (tmp_path / "token").write_text("from-the-file\n")
    variable = {"GITLAB_DORA_GITLAB__TOKEN_FILE": str(tmp_path / "token")}
    assert token_of(load(path, BASE | variable)) == "from-the-file"
    (message,) = refusal(path, **variable, GITLAB_DORA_GITLAB__TOKEN="abc")
    start = "GITLAB_DORA_GITLAB__TOKEN: gitlab.token: given together with gitlab.token_file"
    assert message.startswith(start)


def test_gitlab_token_serves_only_when_nothing_else_does(tmp_path: Path) -> None:
    """GITLAB_TOKEN is the last resort."""
    assert token_of(configured()) == TOKEN
    assert token_of(configured(GITLAB_DORA_GITLAB__TOKEN="other")) == "other"
    path = tmp_path / "config.yaml"
    path.write_text("gitlab: {token: mine}\n")
    assert token_of(load(path, BASE)) == "mine"


def test_a_wrong_variable_is_named_in_place_of_the_line(tmp_path: Path) -> None:
    """Messages about values from the environment start with the variable."""
    path = tmp_path / "config.yaml"
    path.write_text("poll:\n  interval: 5m\n")
    (message,) = refusal(path, GITLAB_DORA_POLL__INTERVAL="5x")
    start = "GITLAB_DORA_POLL__INTERVAL: poll.interval: '5x' is not a duration; write for"
    assert message.startswith(start)
    (message,) = refusal(path, GITLAB_DORA_GROUPS="[{path: g, archived: 3}]")
    assert message.startswith("GITLAB_DORA_GROUPS: groups[0].archived: 3 is not a boolean")


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("GITLAB_DORA_POLL_INTERVAL", "did you mean GITLAB_DORA_POLL__INTERVAL?"),
        ("GITLAB_DORA_TIMEZON", "did you mean GITLAB_DORA_TIMEZONE?"),
        ("GITLAB_DORA_GITLAB", "GITLAB_DORA_"),
        ("GITLAB_DORA_", "GITLAB_DORA_"),
    ],
)
def test_an_unknown_variable_is_refused_by_its_name(variable: str, hint: str) -> None:
    """A misspelt variable is not silently ignored."""
    (message,) = refusal(**{variable: "7"})
    assert message.startswith(f"{variable}: unknown variable; ")
    assert hint in message


def test_variables_that_kubernetes_sets_for_a_service_are_ignored() -> None:
    """A Service called gitlab-dora-exporter does not stop its own pods."""
    configured(
        GITLAB_DORA_EXPORTER_SERVICE_HOST="10.0.0.1",
        GITLAB_DORA_EXPORTER_SERVICE_PORT_HTTP="80",
        GITLAB_DORA_EXPORTER_PORT="tcp://10.0.0.1:80",
        GITLAB_DORA_EXPORTER_PORT_80_TCP_ADDR="10.0.0.1",
        GITLAB_DORA_PORT_80_TCP="tcp://10.0.0.1:80",
    )


@pytest.mark.parametrize("text", ["[1d, 7d", "{a: [}", "[1d]\nx: y"])
def test_a_list_that_is_no_yaml_is_refused(text: str) -> None:
    """A list that starts like YAML must be YAML."""
    (message,) = refusal(GITLAB_DORA_WINDOWS=text)
    assert message.startswith("GITLAB_DORA_WINDOWS: windows: is not valid YAML; write a list such")


def test_dollar_braces_in_variables_are_left_alone() -> None:
    """Only the file has variables filled in."""
    settings = configured(GITLAB_DORA_LEAD_TIME__TARGET_BRANCHES="['${X}']")
    assert settings.lead_time.target_branches == ("${X}",)


def test_a_wrong_section_in_the_file_is_reported_despite_an_override(tmp_path: Path) -> None:
    """A variable cannot repair a section that is no mapping."""
    path = tmp_path / "config.yaml"
    path.write_text("poll: often\n")
    (message,) = refusal(path, GITLAB_DORA_POLL__INTERVAL="5m")
    assert ":1: poll: must be a mapping with the keys interval" in message
