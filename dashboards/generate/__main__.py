"""Write the dashboards, or with ``--check`` say which are not what would be written."""

import argparse
import json
import sys
from pathlib import Path

from dashboards.generate.exporter import EXPORTER
from dashboards.generate.group import GROUP
from dashboards.generate.overview import OVERVIEW
from dashboards.generate.project import PROJECT

FOLDER = Path(__file__).parent.parent
FILES = {
    "dora-overview.json": OVERVIEW,
    "dora-group.json": GROUP,
    "dora-project.json": PROJECT,
    "dora-exporter.json": EXPORTER,
}


def main() -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    differing = []
    for name, dashboard in FILES.items():
        path = FOLDER / name
        text = json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            differing.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and differing:
        sys.stderr.write(f"not as generated: {', '.join(differing)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
