"""Exporters over one small GitLab, each started when it is first asked."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from exporter.simulator import SimulatedGitLab
from tests.contract.serving import exporter_at
from tests.contract.world import NOW, create_world

Start = Callable[[Mapping[str, Any], date | None], str]
"""Gives the host and port of the exporter with some settings, and its present day."""


@pytest.fixture(scope="session")
def exporter_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    running: dict[str, str] = {}
    with ExitStack() as stack:
        gitlab = stack.enter_context(SimulatedGitLab(create_world()))

        def start(settings: Mapping[str, Any], day: date | None = None) -> str:
            key = json.dumps([settings, str(day)], sort_keys=True)
            if key not in running:
                now = NOW if day is None else datetime.combine(day, time(12), UTC)
                folder = tmp_path_factory.mktemp("exporter")
                running[key] = stack.enter_context(
                    exporter_at(gitlab.url, folder, now=now, **settings)
                )
            return running[key]

        yield start
