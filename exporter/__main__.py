"""``python -m exporter`` is the command ``gitlab-dora-exporter``."""

import sys

from exporter.command import main

if __name__ == "__main__":
    sys.exit(main())
