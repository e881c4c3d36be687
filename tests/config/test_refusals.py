"""Every wrong file is refused by messages that name the key and what is allowed."""

import re
from pathlib import Path

import pytest

from exporter.config import ConfigError, load

TOKEN = "glpat-Zq7TokenOfTheTests"
GOOD = f"gitlab: {{token: {TOKEN}}}\nprojects: [a/b]\n"


def refusal(path: Path | None, environ: dict[str, str] | None = None) -> list[str]:
    """The messages that a file or environment is refused with."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value.messages


def write(folder: Path, text: str | bytes) -> Path:
    """A configuration file with this content."""
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# What follows GOOD from line 3 on, and a regular expression for what comes after "config.yaml:".
WRONG_VALUES = [
    ("pol: {}", r"3: pol: unknown key; did you mean poll\?; allowed here: gitlab, projects, .*api"),
    ("poll: {intervall: 5m}", r"3: poll\.intervall: unknown key; did you mean interval\?; allowed"),
    ("poll: {x: null}", r"3: poll\.x: unknown key; allowed here: interval, "),
    ("poll:\n  interval: 5x", r"4: poll\.interval: '5x' is not a duration; write for example 30s,"),
    ("poll: {interval: 5}", r"3: poll\.interval: '5' is not a duration; write for example"),
    ("poll: {interval: -5m}", r"3: poll\.interval: '-5m' is not a duration"),
    ("poll: {interval: 0s}", r"3: poll\.interval: '0s' is zero; write a duration above zero"),
    ("poll: {interval: 0}", r"3: poll\.interval: '0' is zero"),
    ("poll: {interval: true}", r"3: poll\.interval: must be a duration; write"),
    ("poll: {discovery_interval: 1 hour}", r"3: poll\.discovery_interval: '1 hour' is not a dur"),
    ("poll: {history: 0d}", r"3: poll\.history: '0d' is zero"),
    ("poll: {retention: 2020-01-01}", r"3: poll\.retention: '2020-01-01' is not a duration"),
    ("poll: 5m", r"3: poll: must be a mapping with the keys interval, .*, not text"),
    ("poll: [5m]", r"3: poll: must be a mapping with the keys interval, .*, not a list"),
    ("exclude: ['(']", r"3: exclude\[0\]: '\(' is not a regular expression: missing \).*; write"),
    ("exclude: ['a{99999999999}']", r"3: exclude\[0\]: .* is not a regular expression"),
    ("exclude: ['']", r"3: exclude\[0\]: an empty regular expression matches everything"),
    ("exclude: [7]", r"3: exclude\[0\]: 7 is not a regular expression; write it as quoted"),
    ("exclude: ^a/", r"3: exclude: must be a list such as \[a, b\], not text"),
    ("windows: [1d, 7days]", r"3: windows\[1\]: '7days' is not a duration"),
    ("windows:\n  - 1d\n  - 0s", r"5: windows\[1\]: '0s' is zero"),
    ("windows: [1d, 7d, 1d]", r"3: windows: 1d and 1d are the same length; keep one"),
    ("windows: [1d, 24h]", r"3: windows: 1d and 24h are the same length; keep one"),
    ("windows: []", r"3: windows: no window is given; write for example \[1d, 7d"),
    ("windows: 7d", r"3: windows: must be a list such as \[a, b\], not text"),
    (
        "timezone: Europe/Berlim",
        r"3: timezone: 'Europe/Berlim' is not a timezone; .*Europe/Berlin\?",
    ),
    ("timezone: ../../etc/passwd", r"3: timezone: '../../etc/passwd' is not a timezone; write"),
    ("timezone: Europe", r"3: timezone: 'Europe' is not a timezone; write"),
    ("timezone: 2", r"3: timezone: 2 is not a timezone; write"),
    (
        "store: {url: 'mysql://u@h/d'}",
        r"3: store\.url: the store 'mysql' is not supported; write sq",
    ),
    ("store: {url: 'postgresql://h/d'}", r"3: store\.url: the store 'postgresql' is not supported"),
    ("store: {url: dora.db}", r"3: store\.url: not a store URL; write sqlite:///path"),
    ("store: {url: 'sqlite:///:memory:'}", r"3: store\.url: a SQLite store in memory is lost"),
    ("store: {url: 'sqlite://'}", r"3: store\.url: a SQLite store in memory"),
    ("store: {url: 'sqlite:///file:x?mode=memory&uri=true'}", r"3: store\.url: a SQLite store in"),
    ("store: {url: 'sqlite://dora.db'}", r"3: store\.url: a SQLite path follows three slashes"),
    ("store: {url: [a]}", r"3: store\.url: a list is not a store URL"),
    (
        "environments: {tier_overrides: [{match: a, tier: prod}]}",
        r"3: environments\.tier_overrides\[0\]\.tier: 'prod' .* testing, development or other",
    ),
    ("environments: {tier_overrides: [{match: a, tier: on}]}", r"3: .*\.tier: 'on' is not allowed"),
    ("environments: {tier_overrides: [{tier: other}]}", r"3: .*\[0\]\.match: is missing; write it"),
    (
        "environments: {tier_overrides: [{match: '[', tier: other}]}",
        r"3: .*\.match: '\[' is not a r",
    ),
    ("environments: {tier_overrides: {}}", r"3: .*tier_overrides: must be a list .* a mapping"),
    (
        "environments: {tier_overrides: [live]}",
        r"3: .*\[0\]: must be a mapping with the keys match",
    ),
    (
        "lead_time: {aggregation: mean}",
        r"3: lead_time\.aggregation: 'mean' is not allowed; write merge_requests or daily_medians",
    ),
    ("lead_time: {first_deployment: yes}", r"3: .*'yes' is not allowed; write exclude or include"),
    ("lead_time: {target_branches: main}", r"3: lead_time\.target_branches: must be a list"),
    (
        "lead_time: {target_branches: [1.0]}",
        r"3: lead_time\.target_branches\[0\]: 1\.0 is not text",
    ),
    (
        "lead_time: {exclude_authors: ['']}",
        r"3: lead_time\.exclude_authors\[0\]: empty text is not",
    ),
    ("api: {auth: basic}", r"3: api\.auth: 'basic' is not allowed; write gitlab or none"),
    (
        "api: {payload: 13.10}",
        r"3: api\.payload: 13\.1 is not allowed; write key_value or date_value",
    ),
    ("api: {max_range: 0d}", r"3: api\.max_range: '0d' is zero"),
    ("groups: group", r"3: groups: must be a list such as"),
    ("groups: [{include_subgroups: true}]", r"3: groups\[0\]\.path: is missing"),
    (
        "groups: [{path: g, subgroups: true}]",
        r"3: groups\[0\]\.subgroups: unknown key; did you mean",
    ),
    ("groups: ['my group']", r"3: groups\[0\]\.path: 'my group' is neither an id nor a full path"),
    (
        "groups:\n  - path: g\n    archived: 1",
        r"5: groups\[0\]\.archived: 1 is not a boolean; write",
    ),
    ("groups: [true]", r"3: groups\[0\]\.path: true is neither an id nor a full path"),
    ("? [a]\n: b", r"3: a key must be plain text"),
    (
        "exclude: !regex [a]\ntimezone: !zone UTC",
        r"4: timezone: YAML tags \(!name\) are not supported",
    ),
    ("exclude: &a [*a]", r"3: exclude\[0\]: an alias must not contain itself"),
    ("timezone: UTC\ntimezone: UTC", r"4: timezone: given twice, first on line 3; keep one"),
    ("timezone: ${ZONE}", r"3: timezone: the environment variable ZONE is not set; set it"),
    ("timezone: ${ZONE:-UTC}", r"3: timezone: '\$\{' must begin the name of a variable; write"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_VALUES)
def test_a_wrong_value_is_refused_by_its_line_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    """One message: file, line, key, what is wrong, what is allowed."""
    messages = refusal(write(tmp_path, GOOD + text))
    assert len(messages) == 1, messages
    prefix = re.escape(str(tmp_path / "config.yaml"))
    assert re.match(f"{prefix}:{message}", messages[0]), messages[0]


WRONG_GITLAB = [
    ("url: ftp://host", r"gitlab\.url: 'ftp://host' is not an http\(s\) URL; write http:// or"),
    ("url: gitlab.com", r"gitlab\.url: 'gitlab.com' is not an http\(s\) URL"),
    ("url: 'https://'", r"gitlab\.url: 'https://' is not an http\(s\) URL"),
    ("url: 'https://u:secret@host'", r"gitlab\.url: a URL with a user or password is not allowed"),
    ("url: 'https://host?a=b'", r"gitlab\.url: a query \(\?\) or fragment"),
    ("url: 'https://host:99999'", r"gitlab\.url: not a URL"),
    ("url: 'https://ho st'", r"gitlab\.url: a URL holds no spaces"),
    ("url: https://host/api/v4/", r"gitlab\.url: 'https://host/api/v4/' names the API; leave"),
    ("url: 7", r"gitlab\.url: 7 is not a URL"),
    ("timeout: 0s", r"gitlab\.timeout: '0s' is zero"),
    ("timeout: -1s", r"gitlab\.timeout: '-1s' is not a duration"),
    ("max_requests_per_second: 0", r"gitlab\.max_requests_per_second: 0 is not above 0"),
    ("max_requests_per_second: -1", r"gitlab\.max_requests_per_second: -1 is not above 0"),
    ("max_requests_per_second: .inf", r"gitlab\.max_requests_per_second: '.inf' is not a number"),
    ("max_requests_per_second: 1e999", r"gitlab\.max_requests_per_second: inf is not above 0"),
    ("max_requests_per_second: true", r"gitlab\.max_requests_per_second: true is not a number"),
    ("concurrency: 0", r"gitlab\.concurrency: 0 is below 1; write 1 or more"),
    ("concurrency: 1.5", r"gitlab\.concurrency: 1\.5 is not a whole number"),
    ("concurrency: many", r"gitlab\.concurrency: 'many' is not a whole number"),
    ("rate_limit_reserve: 1", r"gitlab\.rate_limit_reserve: 1 is not a share; write 0 or more"),
    ("rate_limit_reserve: 10%", r"gitlab\.rate_limit_reserve: '10%' is not a share"),
    ("ssl_verify: 1", r"gitlab\.ssl_verify: 1 is not a boolean; write true or false"),
    ("ssl_verify: maybe", r"gitlab\.ssl_verify: 'maybe' is not a boolean"),
    ("ca_file: /" + "n" * 5000, r"gitlab\.ca_file: '/n+'\.\.\. is not a file: File name too long"),
    ("ca_file: /does/not/exist", r"gitlab\.ca_file: '/does/not/exist' does not exist; write the"),
    ("ca_file: /", r"gitlab\.ca_file: '/' is not a file"),
    ("ca_file: ''", r"gitlab\.ca_file: '' is not a file"),
    ("tokn: x", r"gitlab\.tokn: unknown key; did you mean token\?"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_GITLAB)
def test_a_wrong_value_about_gitlab_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The same for the keys below gitlab."""
    content = f"projects: [a/b]\ngitlab:\n  token: {TOKEN}\n  {text}\n"
    messages = refusal(write(tmp_path, content))
    assert len(messages) == 1, messages
    assert re.match(re.escape(f"{tmp_path}/config.yaml:4: ") + message, messages[0]), messages[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics: {levels: []}", r"metrics\.levels: an empty list would expose nothing"),
        ("metrics: {levels: [team]}", r"metrics\.levels\[0\]: "),
        ("metrics: {tiers: [prod]}", r"metrics\.tiers\[0\]: "),
        ("metrics: {percentiles: [0]}", r"metrics\.percentiles\[0\]: 0 is not a percentile; write"),
        ("metrics: {percentiles: [99.9]}", r"metrics\.percentiles\[0\]: 99.9 is not a percentile"),
        ("webhook: {secret: short}", r"webhook\.secret: the secret must be 16 characters or more"),
        ("webhook: {secret: 7}", r"webhook\.secret: the secret must be text"),
        ("webhook: {secret_file: /none}", r"webhook\.secret_file: '/none' does not exist"),
    ],
)
def test_a_wrong_value_about_what_is_exposed_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    """So it is for the keys below metrics and webhook."""
    content = f"projects: [a/b]\ngitlab: {{token: {TOKEN}}}\n{text}\n"
    messages = refusal(write(tmp_path, content))
    assert len(messages) == 1, messages
    assert re.match(re.escape(f"{tmp_path}/config.yaml:3: ") + message, messages[0]), messages[0]


@pytest.mark.parametrize(
    "entry",
    ["app", "my group/app", "''", "/", "1.5", "-3", "0", "true", "https://host/a/b", "a//b"],
)
def test_a_project_is_an_id_or_a_full_path(tmp_path: Path, entry: str) -> None:
    """A bare name, a URL or a number that is no id names no project."""
    messages = refusal(write(tmp_path, f"gitlab: {{token: {TOKEN}}}\nprojects:\n  - {entry}\n"))
    assert len(messages) == 1
    assert ":3: projects[0]: " in messages[0]
    assert "write a numeric id such as 42 or a full path such as group/app" in messages[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n- b\n", r":1: the top level must be a mapping"),
        ("just text", r":1: the top level must be a mapping"),
        ("a: [1, 2\nb: 3\n", r":2: not valid YAML: .*expected ',' or ']'"),
        ("poll:\n\tinterval: 5m\n", r":2: not valid YAML: .*cannot start any token"),
        ("a: *x", r":1: not valid YAML: found undefined alias$"),
        ("a: b\n---\nc: d\n", r":2: not valid YAML: .*document"),
        (b"a: b\nc: \xff\n", r":2: not valid UTF-8; save the file as UTF-8"),
        (b"a: b\nc: \x07\n", r":2: not valid YAML: a character that YAML does not allow"),
        ("[" * 20000, r": nested too deeply"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """Broken files are refused by the line where they break."""
    (only,) = refusal(write(tmp_path, content), {"GITLAB_TOKEN": TOKEN})
    assert re.search(r"config\.yaml" + message, only), only


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    """So is a directory in place of a file."""
    path = tmp_path / "none.yaml"
    expected = f"{path}: cannot be read: No such file or directory; write the path of a YAML file"
    assert refusal(path) == [expected]
    assert refusal(tmp_path) == [
        f"{tmp_path}: cannot be read: Is a directory; write the path of a YAML file"
    ]


@pytest.mark.parametrize("content", ["", "# nothing\n", "gitlab:\n", "projects: []\ngroups: []\n"])
def test_without_anything_both_missing_things_are_named(tmp_path: Path, content: str) -> None:
    """An empty file lacks a token and something to poll."""
    text = "\n".join(refusal(write(tmp_path, content)))
    assert "gitlab.token: no token is given; set gitlab.token, gitlab.token_file or" in text
    assert "groups: neither projects nor groups are given; list at least one" in text


def test_without_a_file_the_missing_things_are_named_too() -> None:
    """An empty environment lacks the same."""
    assert [message.split(": ")[:2] for message in refusal(None)] == [
        ["configuration", "gitlab.token"],
        ["configuration", "groups"],
    ]


def test_token_and_token_file_together_are_refused(tmp_path: Path) -> None:
    """Which of the two counts must not be a guess."""
    (tmp_path / "token").write_text(TOKEN)
    content = f"projects: [a/b]\ngitlab:\n  token: x\n  token_file: {tmp_path}/token\n"
    (message,) = refusal(write(tmp_path, content))
    assert message.endswith(
        "config.yaml:3: gitlab.token: given together with gitlab.token_file; keep one of the two"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "does not exist"),
        (b"", "the token is empty"),
        (b" \n", "the token is empty"),
        (b"two words\n", "the token holds a space"),
        (b"\xff\xfe", "the token holds a space, a line break or another character"),
        (b"x" * 20000, "too long for a token"),
    ],
)
def test_a_token_file_without_a_token_is_refused(
    tmp_path: Path, content: bytes | None, text: str
) -> None:
    """And GITLAB_TOKEN does not step in."""
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    settings = f"projects: [a/b]\ngitlab: {{token_file: {tmp_path}/token}}\n"
    (message,) = refusal(write(tmp_path, settings), {"GITLAB_TOKEN": TOKEN})
    assert ":2: gitlab.token_file: " in message
    assert text in message


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the secret must be 16 characters or more, without spaces"),
        (b"fifteen-letters\n", "the secret must be 16 characters or more, without spaces"),
        (b"sixteen or more, but with spaces", "the secret must be 16 characters or more, without"),
        (b"x" * 20000, "too long"),
    ],
)
def test_a_secret_file_without_a_secret_is_refused(
    tmp_path: Path, content: bytes, text: str
) -> None:
    """By the key of the webhook, not of the token."""
    (tmp_path / "secret").write_bytes(content)
    settings = f"projects: [a/b]\nwebhook: {{secret_file: {tmp_path}/secret}}\n"
    (message,) = refusal(write(tmp_path, settings), {"GITLAB_TOKEN": TOKEN})
    assert re.search(rf":2: webhook\.secret_file: {tmp_path}/secret: .*{text}", message), message


def test_secret_and_secret_file_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-secret-of-the-webhook")
    content = f"secret_file: {tmp_path}/secret, secret: another-secret-of-it"
    settings = f"projects: [a/b]\nwebhook: {{{content}}}\n"
    (message,) = refusal(write(tmp_path, settings), {"GITLAB_TOKEN": TOKEN})
    assert message.endswith("given together with webhook.secret_file; keep one of the two")


def test_all_wrong_keys_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Nobody has to fix mistakes one start at a time."""
    content = """\
poll: {interval: 5x, history: 1q}
gitlab: {url: nowhere, token: "${UNSET}"}
colour: red
windows: [1d, 1d]
timezone: Mars
"""
    environ = {"GITLAB_DORA_API__AUTH": "x", "GITLAB_DORA_X": "1"}
    messages = refusal(write(tmp_path, content), environ)
    assert [
        re.split(": | GITLAB", message.replace(f"{tmp_path}/config.yaml", "f"))[:2]
        for message in messages
    ] == [
        ["f", "groups"],
        ["f:1", "poll.interval"],
        ["f:1", "poll.history"],
        ["f:2", "gitlab.token"],
        ["f:2", "gitlab.url"],
        ["f:3", "colour"],
        ["f:4", "windows"],
        ["f:5", "timezone"],
        ["GITLAB_DORA_X", "unknown variable; the variables are"],
        ["GITLAB_DORA_API__AUTH", "api.auth"],
    ]
