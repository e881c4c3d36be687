import io
import json
import logging
import sys
import threading

import pytest

from exporter.logs import (
    LineFormatter,
    LineHandler,
    Redactor,
    configure,
    fields,
    json_line,
    logfmt,
    unexpected_errors_logged,
)

SECRET = "Zq7SecretOfTheTests"
# 2021-03-01 00:00:00.250 UTC
MOMENT = 1614556800.25


def record(message: str, *args: object, **attributes: object) -> logging.LogRecord:
    """A log record of a fixed moment."""
    given = {"name": "exporter.poller", "levelno": 20, "levelname": "INFO", "created": MOMENT}
    return logging.makeLogRecord({**given, "msg": message, "args": args, **attributes})


def as_logfmt(message: str, *args: object, **attributes: object) -> str:
    """The logfmt line of a record."""
    return LineFormatter(logfmt, Redactor()).format(record(message, *args, **attributes))


def as_json(message: str, *args: object, **attributes: object) -> str:
    """The JSON line of a record."""
    return LineFormatter(json_line, Redactor()).format(record(message, *args, **attributes))


def test_logfmt_line() -> None:
    """The whole line, character by character."""
    extra = fields(project="a/b", seconds=1.5, deployments=3, note="two words", ok=True, none=None)
    assert as_logfmt("poll %s", "finished", **extra) == (
        'ts=2021-03-01T00:00:00.250Z level=info logger=exporter.poller msg="poll finished"'
        ' project=a/b seconds=1.5 deployments=3 note="two words" ok=true none=null'
    )


def test_json_line() -> None:
    """The whole line; what JSON has no type for is text."""
    extra = fields(project="a/ü", seconds=1.5, ok=True, none=None, far=float("inf"), path=["x"])
    assert as_json("poll %s", "finished", **extra) == (
        '{"ts": "2021-03-01T00:00:00.250Z", "level": "info", "logger": "exporter.poller",'
        ' "msg": "poll finished", "project": "a/ü", "seconds": 1.5, "ok": true, "none": null,'
        ' "far": "inf", "path": "[\'x\']"}'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("back\\slash", r'"back\\slash"'),
        ("one\ntwo\r\tthree", r'"one\ntwo\r\tthree"'),
        ("\x1b[31mred\x7f\x85", r'"\u001b[31mred\u007f\u0085"'),
        ("a\u2028b\u202ec", r'"a\u2028b\u202ec"'),
        ("\U000e0001", r'"\udb40\udc01"'),
        ("\udc80", r'"\udc80"'),
        ("schön/日本", "schön/日本"),
    ],
)
def test_nothing_can_forge_a_line_or_talk_to_the_terminal(value: str, written: str) -> None:
    """Line breaks, quotes and control characters are escaped in both formats."""
    assert as_logfmt("x", **fields(key=value)).endswith(f' msg="x" key={written}')
    quoted = written if written.startswith('"') else f'"{written}"'
    assert as_logfmt("%s", value).endswith(f" msg={quoted}")
    line = as_json(value, **fields(key=value))
    assert line.isprintable()
    assert json.loads(line)["key"] == json.loads(line)["msg"] == value


def test_fields_cannot_hide_or_break_the_line_s_own_pairs() -> None:
    """Names of fields are cleaned, and own names are kept apart."""
    extra = {"fields": {"level": "x", "a b\n=": 1, "": 2, "traceback": 3}}
    assert as_logfmt("m", **extra).endswith('msg="m" field_level=x a_b__=1 _=2 field_traceback=3')


def test_a_traceback_stays_on_the_line() -> None:
    """One record is one line, whatever it carries."""
    try:
        int("a\nb")
    except ValueError:
        line = as_logfmt("failed", exc_info=sys.exc_info(), levelname="ERROR")
    assert "\n" not in line
    assert 'level=error logger=exporter.poller msg="failed" traceback="Traceback (most' in line
    assert r"ValueError: invalid literal for int() with base 10: 'a\\nb'" in line


def test_wrong_arguments_still_give_a_line() -> None:
    """A mistake in a log call costs neither the line nor the process."""
    assert "msg=\"%d items ('x',)\"" in as_logfmt("%d items", "x")


def written(log_format: str = "logfmt", level: str = "debug") -> tuple[io.StringIO, logging.Logger]:
    """A stream that gets the lines, and a logger that writes them."""
    # pytest's own handlers do not survive wrong arguments.
    logging.getLogger().handlers.clear()
    stream = io.StringIO()
    configure(level, log_format, lambda: [SECRET, "abc"], stream=stream)  # type: ignore[arg-type]
    return stream, logging.getLogger("exporter.test")


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_known_secrets_appear_nowhere(log_format: str) -> None:
    """Neither in messages, arguments, fields, tracebacks nor stacks."""
    stream, log = written(log_format)
    log.info("in the message %s", SECRET)
    log.info(f"in the text {SECRET}")  # noqa: G004
    log.info("in fields", extra=fields(url=f"http://h/{SECRET}", deep={"a": [SECRET]}))
    log.info("in keys", extra=fields(**{SECRET: 1}))
    log.info("in wrong arguments %d", SECRET)
    try:
        int(SECRET)
    except ValueError:
        log.exception("in tracebacks", stack_info=True)
    text = stream.getvalue()
    assert SECRET not in text
    assert len(text.splitlines()) == 6
    assert all("redacted" in line for line in text.splitlines())


def test_a_rotated_secret_is_known_at_once() -> None:
    """Secrets are asked for at every line."""
    secrets = ["first-secret"]
    redact = Redactor(lambda: secrets)
    assert redact("first-secret second-secret") == "[redacted] second-secret"
    secrets.append("second-secret")
    assert redact("first-secret second-secret") == "[redacted] [redacted]"


def test_a_secret_that_contains_another_is_taken_out_whole() -> None:
    """The rest of the longer one does not stay behind."""
    assert Redactor(["secret", "secret-longer"])("secret-longer") == "[redacted]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("glpat-abcDEF_123-45.xy", "[redacted]"),
        ("a gldt-abcdefgh1 b", "a [redacted] b"),
        ("https://h/x?private_token=abc&page=2", "https://h/x?private_token=[redacted]&page=2"),
        ("PRIVATE-TOKEN: abc", "PRIVATE-TOKEN: [redacted]"),
        ("{'PRIVATE-TOKEN': 'abc', 'x': 1}", "{'PRIVATE-TOKEN': '[redacted]', 'x': 1}"),
        ("(b'private-token', b'abc')", "(b'private-token', b'[redacted]')"),
        ('{"Authorization": "Bearer abc"}', '{"Authorization": "Bearer [redacted]"}'),
        ("authorization=Basic YWJj", "authorization=Basic [redacted]"),
        ("sent Bearer abcdefghijklmnop1", "sent Bearer [redacted]"),
        ("job_token=abc", "job_token=[redacted]"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:[redacted]@h/d"),
        ("global-infrastructure/app: 3 tokens", "global-infrastructure/app: 3 tokens"),
        ("https://h:8443/a@b", "https://h:8443/a@b"),
        ("bearer of news", "bearer of news"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, expected: str) -> None:
    """Tokens, headers and passwords that nobody announced; nothing else."""
    assert Redactor()(text) == expected


def test_fields_named_after_secrets_are_taken_out() -> None:
    """A field's name can tell that its value is secret."""
    line = as_logfmt("x", **fields(token="abc", db_password="p", token_given=True))
    assert line.endswith("token=[redacted] db_password=[redacted] token_given=true")


def test_levels_and_noisy_libraries() -> None:
    """Below the level, and chatter of libraries, is left out."""
    stream, log = written(level="info")
    log.debug("no")
    log.info("yes")
    for name in ("apscheduler.scheduler", "urllib3.connectionpool", "alembic.runtime.migration"):
        logging.getLogger(name).info("no")
        logging.getLogger(name).warning("yes")
    assert stream.getvalue().count('msg="yes"') == 4
    assert 'msg="no"' not in stream.getvalue()


def test_a_second_call_replaces_the_first() -> None:
    """No line is written twice."""
    first, _ = written()
    second, log = written("json")
    log.info("once")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["msg"] == "once"


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the command."""
    configure("info", "logfmt")
    logging.getLogger("exporter.test").info("hello")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith('level=info logger=exporter.test msg="hello"\n')


def test_a_line_that_cannot_be_made_does_not_print_its_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The standard library would print the record's data."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    stream, log = written()
    log.info("x", extra=fields(value=Unprintable()))
    assert 'level=error logger=exporter.logs msg="a log line could not be written"' in (
        stream.getvalue()
    )
    assert "source=test_logs:" in stream.getvalue()
    assert SECRET not in stream.getvalue() + "".join(capsys.readouterr())


def test_a_closed_stream_is_survived(capsys: pytest.CaptureFixture[str]) -> None:
    """Logging never ends the process."""
    stream, log = written()
    stream.close()
    log.info("x")
    assert any(isinstance(each, LineHandler) for each in logging.getLogger().handlers)
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize(
    ("level", "log_format"), [("loud", "json"), ("INFO", "json"), ("info", "xml")]
)
def test_unknown_levels_and_formats_are_refused(level: str, log_format: str) -> None:
    """And the message says what is allowed."""
    with pytest.raises(ValueError, match="write"):
        configure(level, log_format)  # type: ignore[arg-type]


def test_unexpected_errors_are_lines_without_secrets() -> None:
    stream = io.StringIO()
    configure("info", "logfmt", [SECRET], stream=stream)
    usual = threading.excepthook

    def fail() -> None:
        raise RuntimeError(SECRET)

    def fail_twice() -> None:
        with unexpected_errors_logged():
            beside = threading.Thread(target=fail, name="beside")
            beside.start()
            beside.join()
            fail()

    with pytest.raises(SystemExit) as ended:
        fail_twice()
    assert ended.value.code == 1
    assert ended.value.__suppress_context__
    assert threading.excepthook is usual
    of_thread, of_all = stream.getvalue().splitlines()
    assert "ends a thread" in of_thread
    assert "thread=beside" in of_thread
    assert "ends the exporter" in of_all
    for line in (of_thread, of_all):
        assert "RuntimeError: [redacted]" in line
        assert SECRET not in line
