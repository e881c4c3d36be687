"""The simulated GitLab as a program: `python -m exporter.simulator`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from exporter.simulator.generator import generate
from exporter.simulator.histories import load
from exporter.simulator.server import SimulatedGitLab
from exporter.simulator.world import DEFAULT_TOKEN, World


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the URL is the first line on standard output.

    Args:
        arguments: Command line without the program's name; that of the process when None.

    Returns:
        Exit status.
    """
    options = _parser().parse_args(arguments)
    world = World()
    if options.history:
        for path in options.history:
            load(world, path, project_path=f"histories/{path.stem}")
    else:
        generate(world, seed=options.seed, projects=options.projects, days=options.days)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with SimulatedGitLab(world, options.listen) as server:
        sys.stdout.write(f"{server.url}\ntoken: {DEFAULT_TOKEN}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exporter.simulator",
        description="A GitLab instance that answers from memory, on loopback only.",
    )
    parser.add_argument(
        "--listen", type=_port, default=0, metavar="127.0.0.1:PORT", help="0 takes any free port"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the generated projects")
    parser.add_argument("--projects", type=int, default=12, help="how many to generate")
    parser.add_argument("--days", type=int, default=120, help="how far back they reach")
    parser.add_argument(
        "--history",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="recorded histories to serve in place of generated projects",
    )
    return parser


def _port(text: str) -> int:
    host, _, port = text.rpartition(":")
    if host not in {"", "127.0.0.1", "localhost"}:
        raise argparse.ArgumentTypeError("only 127.0.0.1 can be listened on")
    return int(port)


if __name__ == "__main__":
    sys.exit(main())
