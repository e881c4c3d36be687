"""The command ``gitlab-dora-exporter`` and its flags, in the habit of Prometheus programs."""

import argparse
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import NoReturn

from uvicorn import Server

from exporter import __version__
from exporter.backfill import BackfillError, backfill, extra_label
from exporter.clock import SystemClock
from exporter.config import ConfigError, Duration, Settings, load
from exporter.doctor import Examination
from exporter.doctor.examination import MOST_PROJECTS
from exporter.front.messages import IDLE_SECONDS, LOOPBACK
from exporter.front.process import Front, FrontError
from exporter.gitlab import GitLabError
from exporter.logs import FORMATS, LEVELS, Redactor, configure, unexpected_errors_logged
from exporter.memory import map_large_blocks
from exporter.poller.progress import Progress
from exporter.service import Service
from exporter.store import StoreError
from exporter.verify import VerifyError, as_table, verify
from exporter.web.connection import let_open_files
from exporter.web.server import ListenAddress, ListenError, listen, new_server, serve
from exporter.webconfig import WebConfig

log = logging.getLogger(__name__)

CONFIG_FILE = Path("config.yaml")
LISTEN_ADDRESS = ":10143"
DEMO_LISTEN_ADDRESS = "127.0.0.1:10143"

NOT_LICENSED = 3
"""Exit code of ``verify`` where GitLab has nothing to compare with."""

_PATIENCE = 5.0
"""Seconds that running polls get to end after the signal; open web requests had theirs before."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0].startswith("-"):
        known = {"--version", "-h", "--help"}
        given = given if known & set(given) else ["run", *given]
    options = _parser().parse_args(given)
    try:
        return int(options.command(options))
    except ConfigError as error:
        for message in error.messages:
            print(message, file=sys.stderr)
    except (StoreError, ListenError, BackfillError, FrontError, VerifyError) as error:
        print(error, file=sys.stderr)
    except GitLabError as error:
        print(f"GitLab: {error}; `gitlab-dora-exporter doctor` tells more", file=sys.stderr)
    except KeyboardInterrupt:  # before serving began
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gitlab-dora-exporter",
        description="DORA metrics from any GitLab, for Prometheus and for scripts.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="")
    for name, command, summary in (
        ("run", _run, "poll GitLab and serve the numbers (the default)"),
        ("check-config", _check_config, "read the configuration, say what is wrong with it"),
        ("doctor", _doctor, "look at GitLab, say what keeps the numbers from being right"),
        ("backfill", _backfill, "write the stored history as OpenMetrics text, for promtool"),
        (
            "verify",
            _verify,
            "compare with GitLab's own DORA metrics, where it has them",
        ),
        ("demo", _demo, "try it: a simulated GitLab on this machine, polled and served"),
    ):
        one = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        one.set_defaults(command=command)
        if name != "demo":
            one.add_argument(
                "--config.file",
                dest="config_file",
                metavar="FILE",
                type=Path,
                help=f"configuration (default: {CONFIG_FILE} if it is there, else the environment)",
            )
        if name == "check-config":
            _add_check_config(one)
        if name == "verify":
            _add_verify(one)
        if name == "backfill":
            _add_backfill(one)
        elif name == "doctor":
            _add_doctor(one)
        elif name != "verify":
            one.add_argument(
                "--web.config.file",
                dest="web_config_file",
                metavar="FILE",
                type=Path,
                help="TLS and passwords, in the format of Prometheus programs (default: neither)",
            )
        if name in {"run", "demo"}:
            default = DEMO_LISTEN_ADDRESS if name == "demo" else LISTEN_ADDRESS
            one.add_argument(
                "--web.listen-address",
                dest="listen_address",
                metavar="ADDRESS",
                type=_address,
                default=_address(default),
                help=f"where to serve (default: {default})",
            )
        one.add_argument("--log.level", dest="log_level", choices=LEVELS, default="info")
        one.add_argument("--log.format", dest="log_format", choices=FORMATS, default="logfmt")
    return parser


def _add_check_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="ask GitLab a few things, and tell what polling will cost: requests, time, series and"
        " memory",
    )
    parser.add_argument(
        "--json", action="store_true", help="tell the estimate as JSON (with --estimate)"
    )


def _add_verify(parser: argparse.ArgumentParser) -> None:
    for name, which, default in (
        ("--start", "first", "29 days before the last"),
        ("--end", "last", "today, in UTC"),
    ):
        parser.add_argument(
            name,
            type=_day,
            metavar="YYYY-MM-DD",
            help=f"the {which} day to compare (default: {default})",
        )
    parser.add_argument(
        "--each-project",
        action="store_true",
        help="compare each project in scope, not only the configured projects and groups",
    )


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write all of it as JSON")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 for warnings too, not only for errors"
    )
    parser.add_argument(
        "--max-projects",
        dest="max_projects",
        metavar="NUMBER",
        type=_number,
        default=MOST_PROJECTS,
        help="look at so many projects at most, listed ones first (default: %(default)s)",
    )


def _add_backfill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="where to write; - is standard output",
    )
    parser.add_argument(
        "--label",
        dest="labels",
        action="append",
        default=[],
        type=_label,
        metavar="NAME=VALUE",
        help="add a label to every series, such as the job and instance of the scrape; repeatable",
    )
    parser.add_argument(
        "--skip-last",
        type=_duration,
        default=Duration.parse("0"),
        metavar="DURATION",
        help="leave out values younger than this (default: none)",
    )


def _label(text: str) -> tuple[str, str]:
    try:
        return extra_label(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-03-01") from None


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write 1 or more")
    return int(text)


def _duration(text: str) -> Duration:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> ListenAddress:
    try:
        return ListenAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _settings(options: argparse.Namespace) -> Settings:
    path = options.config_file
    if path is None and CONFIG_FILE.exists():
        path = CONFIG_FILE
    return load(path, os.environ)


def _web_config(options: argparse.Namespace) -> WebConfig | None:
    path = options.web_config_file
    return WebConfig(path) if path else None


def _configuration(options: argparse.Namespace) -> tuple[Settings, WebConfig | None]:
    """Read both files; what is wrong with them is told at once."""
    try:
        web_config = _web_config(options)
    except ConfigError as error:
        try:
            _settings(options)
        except ConfigError as other:
            raise ConfigError([*other.messages, *error.messages]) from None
        raise
    return _settings(options), web_config


def _warnings(settings: Settings, web_config: WebConfig | None) -> list[str]:
    return settings.warnings() + (web_config.settings.warnings() if web_config else [])


def _check_config(options: argparse.Namespace) -> int:
    settings, web_config = _configuration(options)
    for warning in _warnings(settings, web_config):
        print(f"warning: {warning}", file=sys.stderr)
    if options.json and not options.estimate:
        print("--json: only an estimate is told as JSON; add --estimate", file=sys.stderr)
        return 1
    if not options.json:
        print("configuration is valid")
    if options.estimate:
        # Nobody else needs it.
        from exporter.estimate import as_json, as_text, estimate  # noqa: PLC0415

        token = settings.gitlab.token_source()
        configure("warning", options.log_format, lambda: (*settings.secrets(), *token.known()))
        told = estimate(settings, token, SystemClock())
        print(as_json(told) if options.json else as_text(told))
    return 0


def _run(options: argparse.Namespace) -> int:
    map_large_blocks()
    settings, web_config = _configuration(options)
    token = settings.gitlab.token_source()
    webhook_secret = settings.webhook.secret_source()
    sources = [token, *([webhook_secret] if webhook_secret else [])]
    configure(
        options.log_level,
        options.log_format,
        lambda: (*settings.secrets(), *(one for source in sources for one in source.known())),
    )
    for warning in _warnings(settings, web_config):
        log.warning("%s", warning)
    let_open_files()
    listener, address = listen(options.listen_address)
    with (
        listener,
        Front(
            listener,
            log_level=options.log_level,
            log_format=options.log_format,
            web_config_file=options.web_config_file,
        ) as front,
    ):
        service = Service(settings, token, webhook_secret=webhook_secret)
        with unexpected_errors_logged():
            return _serve_behind(front, service, address)


def _doctor(options: argparse.Namespace) -> int:
    settings = _settings(options)
    token = settings.gitlab.token_source()

    def secrets() -> tuple[str, ...]:
        return (*settings.secrets(), *token.known())

    configure(options.log_level, options.log_format, secrets)
    clock = SystemClock()
    examination = Examination(
        settings,
        token.current,
        clock=clock,
        progress=Progress("looking at projects", clock),
        most=options.max_projects,
    )
    report = examination.run().redacted(Redactor(secrets))
    if options.json:
        print(json.dumps(report.document(), indent=2))
    else:
        print("\n".join(report.lines()))
    return report.exit_code(strict=options.strict)


def _backfill(options: argparse.Namespace) -> int:
    settings = _settings(options)
    configure(options.log_level, options.log_format, settings.secrets)
    labels = dict(options.labels)
    if len(labels) < len(options.labels):
        raise BackfillError("--label: a name is given twice")
    # Without this the signal would leave what was begun.
    usual = signal.signal(signal.SIGTERM, _end)
    try:
        samples = backfill(
            settings,
            options.output,
            clock=SystemClock(),
            labels=labels,
            skip_last=options.skip_last.timedelta,
        )
    finally:
        signal.signal(signal.SIGTERM, usual)
    log.info("wrote %d samples to %s", samples, options.output)
    return 0


def _verify(options: argparse.Namespace) -> int:
    settings = _settings(options)
    end = options.end or datetime.now(UTC).date()
    start = options.start or end - timedelta(days=29)
    if start > end:
        print("--start: it lies after --end", file=sys.stderr)
        return 1
    token = settings.gitlab.token_source()
    configure(options.log_level, options.log_format, lambda: (*settings.secrets(), *token.known()))
    found = verify(
        settings, token, SystemClock(), start=start, end=end, each_project=options.each_project
    )
    if not found.subjects:
        print(
            f"{settings.gitlab.url} computes no DORA metrics of its own, or shows none to this"
            " token: that takes GitLab Ultimate and the role Reporter. There is nothing to compare"
            f" for {', '.join(found.unlicensed)}.",
            file=sys.stderr,
        )
        return NOT_LICENSED
    print(as_table(found))
    return 1 if found.unexplained else 0


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def _demo(options: argparse.Namespace) -> int:
    # The simulator takes its time to load, and nobody else needs it.
    from exporter.demo import demo_service  # noqa: PLC0415

    configure(options.log_level, options.log_format)
    web_config = _web_config(options)
    listener, address = listen(options.listen_address)
    with listener, demo_service() as service:
        scheme = "https" if web_config and web_config.settings.tls_server_config else "http"
        where = str(address) if address.host else f"localhost:{address.port}"
        shown = f"{scheme}://{where}"
        print(
            f"A simulated GitLab with the group acme runs at {service.settings.gitlab.url}\n"
            f"Metrics:  {shown}/metrics\n"
            f"JSON API: {shown}/api/v4/groups/acme/dora/metrics?metric=lead_time_for_changes"
            "&interval=monthly\n"
            "Stop with Ctrl-C.",
            flush=True,
        )
        return _serve(service, new_server(service.app(), web_config), listener, address)


def _serve(
    service: Service,
    server: Server,
    listener: socket.socket,
    address: ListenAddress,
    begin_serving: Callable[[], None] = lambda: None,
) -> int:
    """Serve and poll until a signal ends it; ``address`` is where callers reach it."""

    def begin() -> None:
        begin_serving()
        service.start()
        log.info("listening on %s, polling %s", address, service.settings.gitlab.url)

    try:
        serve(server, listener, service.stop, begin=begin)
    finally:
        if not service.close(_PATIENCE):
            log.warning("a request to GitLab still hangs, ending without it")
            logging.shutdown()
            # A pool's threads would hold up the interpreter until the request times out.
            os._exit(0)
    log.info("ended")
    return 0


def _serve_behind(front: Front, service: Service, address: ListenAddress) -> int:
    """Serve what the front passes on, and give it what it shows itself."""
    pages, place = listen(ListenAddress(LOOPBACK, 0))
    server = new_server(front.guard(service.app()), idle_seconds=2 * IDLE_SECONDS, dated=False)
    lost = Event()

    def begin() -> None:
        service.exposition.process.add(front.pid)
        service.exposition.publish_to(front.show)
        front.keep_showing(service.exposition.publish, service.stop)
        front.watch(died)
        front.begin(place.port)

    def died() -> None:
        lost.set()
        service.stop.set()
        server.should_exit = True

    with pages:
        code = _serve(service, server, pages, address, begin)
    return 1 if lost.is_set() else code
