"""The front as a program: ``python -m exporter.front``, started by the exporter only."""

import argparse
import gc
import signal
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from exporter.front.app import front_app
from exporter.front.board import Board
from exporter.front.forward import Forward
from exporter.front.messages import Begin, Taken
from exporter.logs import FORMATS, LEVELS, configure
from exporter.metrics.rendered import Rendered
from exporter.web.server import GRACE_SECONDS, new_server

if TYPE_CHECKING:
    from exporter.webconfig import WebConfig


def main() -> int:
    """Serve what the exporter hands over, until it closes the pair of sockets or dies."""
    parser = argparse.ArgumentParser(prog="exporter.front", allow_abbrev=False)
    parser.add_argument("--listener", type=int, required=True, help="the listening socket's number")
    parser.add_argument("--channel", type=int, required=True, help="the channel's number")
    parser.add_argument("--log.level", dest="log_level", choices=LEVELS, required=True)
    parser.add_argument("--log.format", dest="log_format", choices=FORMATS, required=True)
    parser.add_argument("--web.config.file", dest="web_config_file", type=Path)
    options = parser.parse_args()
    # Signals are for the exporter, which ends the front when it has ended its own work.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    configure(options.log_level, options.log_format)
    with Connection(options.channel) as channel, socket.socket(fileno=options.listener) as listener:
        try:
            _serve(channel, listener, options.web_config_file)
        except (EOFError, OSError):  # before it began
            return 0
    return 0


def _serve(channel: Connection, listener: socket.socket, web_config_file: Path | None) -> None:
    board = Board()
    begin: Begin | None = None
    while begin is None:
        begin = _receive(channel, board)
    server = new_server(
        front_app(board, Forward(begin.port, begin.key)), _web_config(web_config_file)
    )
    # What is loaded stays. To look through it for garbage would hold up a scrape now and then.
    gc.freeze()
    serving = Thread(target=server.run, args=([listener],), daemon=True)
    serving.start()
    try:
        while serving.is_alive():
            _receive(channel, board)
    except (EOFError, OSError):  # the exporter ended
        server.should_exit = True
        serving.join(GRACE_SECONDS + 1)


def _web_config(path: Path | None) -> "WebConfig | None":
    if path is None:
        return None
    # It brings settings and their checks along, which are large.
    from exporter.webconfig import WebConfig  # noqa: PLC0415

    return WebConfig(path)


def _receive(channel: Connection, board: Board) -> Begin | None:
    message = channel.recv()
    if isinstance(message, Rendered):
        board.take(message)
    channel.send(Taken())
    return message if isinstance(message, Begin) else None


if __name__ == "__main__":
    sys.exit(main())
