"""What the Dockerfile says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "docs" / "container"
DOCKERFILE = CONTAINER / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a stage."""

    stage: int
    name: str
    value: str


def instructions() -> list[Instruction]:
    """Return all of them, with the number of their stage."""
    parser = DockerfileParser(str(DOCKERFILE), env_replace=False)
    found, stage = [], -1
    for one in parser.structure:
        if one["instruction"] == "COMMENT":
            continue
        stage += one["instruction"] == "FROM"
        found.append(Instruction(stage, one["instruction"], one["value"]))
    return found


def values(name: str, stage: int = 1) -> list[str]:
    """Return the values of an instruction in a stage, 1 being the last."""
    return [one.value for one in instructions() if (one.stage, one.name) == (stage, name)]


def command(name: str) -> list[str]:
    """Return a command of the last stage that is written as a list."""
    (value,) = values(name)
    parsed: list[str] = json.loads(value[value.index("[") :])
    return parsed


def copied() -> Iterator[tuple[str, str]]:
    """Yield what is copied from the repository, and to where."""
    for one in instructions():
        if one.name == "COPY" and not one.value.startswith("--from"):
            *sources, target = one.value.split()
            for source in sources:
                into = target.endswith("/")
                yield source, f"{target}{Path(source).name}" if into else target
