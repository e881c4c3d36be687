"""Neither the token nor the store's password shows anywhere."""

import traceback
from pathlib import Path

import pytest

from exporter.config import ConfigError, load

SECRET = "Zq7SecretOfTheTests"
GLPAT = f"glpat-{SECRET}"


def test_secrets_are_in_no_repr_but_are_known_for_redaction() -> None:
    """Printing settings is safe."""
    url = f"postgresql+psycopg://u:{SECRET}@h/d"
    environ = {"GITLAB_TOKEN": GLPAT, "GITLAB_DORA_PROJECTS": "1", "GITLAB_DORA_STORE__URL": url}
    settings = load(None, environ)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert settings.store.url == url
    assert settings.store.shown_url == "postgresql+psycopg://u:***@h/d"
    assert settings.secrets() == (GLPAT, SECRET)


def test_the_secret_of_the_webhook_is_in_no_repr_but_known_for_redaction(tmp_path: Path) -> None:
    """Given in the configuration or in a file."""
    environ = {"GITLAB_TOKEN": GLPAT, "GITLAB_DORA_PROJECTS": "1"}
    settings = load(None, {**environ, "GITLAB_DORA_WEBHOOK__SECRET": SECRET})
    assert SECRET not in repr(settings)
    assert settings.secrets() == (GLPAT, SECRET)
    (tmp_path / "secret").write_text(SECRET)
    environ["GITLAB_DORA_WEBHOOK__SECRET_FILE"] = str(tmp_path / "secret")
    source = load(None, environ).webhook.secret_source()
    assert source is not None
    assert source.current() == SECRET
    assert source.known() == (SECRET,)


@pytest.mark.parametrize(
    "text",
    [
        f"gitlab: {{token: '{SECRET} x'}}",
        f"gitlab: {{token: '{SECRET}\\n'}}",
        f'gitlab: {{token: "{SECRET}\\n"}}',
        f'gitlab: {{token: "{SECRET}\\u0142"}}',
        f"gitlab: {{token: [{SECRET}]}}",
        f"gitlab: {{token: {{{SECRET}: {SECRET}}}}}",
        f"gitlab: {{token: !secret {SECRET}}}",
        f"gitlab: {{token: *{SECRET}}}",
        f"gitlab: {{token: !{SECRET}!x y}}",
        f"gitlab: {{token: {SECRET}, token: {SECRET}}}",
        f"gitlab: {{token: {SECRET}, url: {SECRET}}}",
        f"gitlab: {{token: '{SECRET}'\ngroups: []",
        f"gitlab: {{token: '{SECRET}${{UNSET}}'}}",
        f"gitlab: {{token: '{SECRET}', timeout: '{SECRET}', concurrency: '{SECRET}'}}",
        f"gitlab: {{token: x, ca_file: '/{GLPAT}'}}",
        f"gitlab: {GLPAT}",
        f"gitlab: {{url: 'https://x:{SECRET}@host'}}",
        f"gitlab: {{url: 'ftp://x:{SECRET}@host'}}",
        f"gitlab: {{url: 'ftp://host?private_token={SECRET}'}}",
        f"{GLPAT}: 1",
        f"timezone: {GLPAT}",
        f"projects: ['{GLPAT} ']",
        f"api: {{auth: {GLPAT}}}",
        f"store: {{url: 'mysql://u:{SECRET}@h/d'}}",
        f"store: {{url: 'postgresql+psycopg://u:{SECRET}@h:port/d'}}",
        f"store: {{url: ['{SECRET}']}}",
        f"{SECRET}",
    ],
)
def test_no_message_shows_a_secret(tmp_path: Path, text: str) -> None:
    """Not even when the token is the wrong value, or in the wrong place."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"GITLAB_TOKEN": f"{SECRET}\n"},
        {"GITLAB_TOKEN": f"{SECRET} {SECRET}"},
        {"GITLAB_TOKEN": SECRET, "GITLAB_DORA_TIMEZONE": SECRET},
        {"GITLAB_DORA_GITLAB__TOKEN": f"{SECRET}\u2028"},
        {"GITLAB_DORA_GITLAB__TOKEN": SECRET, "GITLAB_DORA_POLL__INTERVAL": SECRET},
        {"GITLAB_DORA_GITLAB__TOKEN_FILE": f"/x/{GLPAT}"},
        {"GITLAB_DORA_WINDOWS": f"[{GLPAT}"},
        {f"GITLAB_DORA_{GLPAT}": "x"},
        {"GITLAB_TOKEN": "x", "GITLAB_DORA_WEBHOOK__SECRET": f"{SECRET} {SECRET}"},
    ],
)
def test_no_message_about_the_environment_shows_a_secret(environ: dict[str, str]) -> None:
    """The same for variables."""
    with pytest.raises(ConfigError) as caught:
        load(None, {"GITLAB_DORA_PROJECTS": "1", **environ})
    assert SECRET not in "".join(traceback.format_exception(caught.value))
