"""Reading the configuration: the file, then the environment over it, then every check at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.document import Document, parse_document
from exporter.config.environment import TOKEN_VARIABLE, apply_environment
from exporter.config.errors import ConfigError, KeyPath, Origin, Problem
from exporter.config.fields import shown
from exporter.config.keys import PREFIX, known_keys
from exporter.config.models import Settings
from exporter.config.suggestion import did_you_mean
from exporter.logs import Redactor

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and check the whole configuration.

    Args:
        path: The YAML file; None when everything comes from the environment.
        environ: The environment: ``${NAME}`` in the file, ``GITLAB_DORA_*`` and ``GITLAB_TOKEN``.

    Raises:
        ConfigError: When anything is wrong, with one message for every wrong key. No message shows
            a token or a password.
    """
    document = _read(path, environ)
    apply_environment(document, environ)
    data = dict(document.data)
    if data.get("gitlab") is None:
        data["gitlab"] = {}
    settings = validate(document, data, Settings)
    if document.problems or settings is None:
        redact = Redactor(_secrets(document.data, environ))
        ordered = sorted(document.problems, key=_position)
        raise ConfigError(list(dict.fromkeys(redact(str(problem)) for problem in ordered)))
    return settings


def _read(path: Path | None, environ: Mapping[str, str]) -> Document:
    if path is None:
        return Document(origins={(): Origin("configuration")})
    document = parse_document(decode(read_file(path), path), str(path), environ)
    if document.problems and not document.data:
        raise ConfigError([str(problem) for problem in document.problems])
    return document


def read_file(path: Path) -> bytes:
    """Return what a YAML file holds.

    Raises:
        ConfigError: When it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}; write the path of a YAML file"
        raise ConfigError([str(Problem(Origin(str(path)), (), reason))]) from None


def decode(content: bytes, path: Path) -> str:
    """Return the text of a YAML file.

    Raises:
        ConfigError: When it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(Origin(str(path), line), (), "not valid UTF-8; save the file as UTF-8")
        raise ConfigError([str(problem)]) from None


def validate(
    document: Document,
    data: Mapping[str, Any],
    model: type[Model],
    *,
    reference: str = "config.yaml",
) -> Model | None:
    """Check values; what is wrong with them becomes problems of the document.

    Args:
        document: Where the values were written.
        data: The values.
        model: Of what they are.
        reference: Where it is documented.

    Returns:
        The model; None when anything is wrong.
    """
    reported = [problem.path for problem in document.problems if problem.path]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    for detail in details:
        path = tuple(detail["loc"])
        # What failed before, such as an unset variable, would only be said again.
        if not any(path[: len(known)] == known for known in reported):
            text = _explain(path, detail, model, reference)
            document.problems.append(Problem(document.origin(path), path, text))
    return None


def _explain(path: KeyPath, detail: ErrorDetails, model: type[BaseModel], reference: str) -> str:
    """What is wrong in our own words: pydantic's may show values and speak of Python types."""
    value, context = detail["input"], detail.get("ctx", {})
    kind = {str: "text", bool: "a boolean", int: "a number", float: "a number"}.get(type(value))
    match detail["type"]:
        case "setting":
            text = str(context["text"])
        case "extra_forbidden":
            allowed = known_keys(path[:-1], model)
            hint = did_you_mean(str(path[-1]), allowed)
            text = f"unknown key{hint}; allowed here: {', '.join(allowed)}"
        case "missing":
            text = "is missing; write it"
        case "literal_error":
            allowed_values = str(context["expected"]).replace("'", "")
            text = f"{shown(value)} is not allowed; write {allowed_values}"
        case "tuple_type":
            text = f"must be a list such as [a, b], not {kind or shown(value)}"
        case "model_type":
            keys = ", ".join(known_keys(path, model))
            text = f"must be a mapping with the keys {keys}, not {kind or shown(value)}"
        case _:
            text = f"is not allowed; see {reference} for what is"
    return text


def _position(problem: Problem) -> tuple[bool, int]:
    # The file from top to bottom, then the environment.
    return problem.origin.name.startswith(PREFIX), problem.origin.line or 0


def _secrets(data: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    section = data.get("gitlab")
    candidates = [
        section.get("token") if isinstance(section, dict) else None,
        environ.get(TOKEN_VARIABLE),
        environ.get(f"{PREFIX}GITLAB__TOKEN"),
    ]
    return [secret for secret in candidates if isinstance(secret, str)]
