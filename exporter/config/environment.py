"""Settings from environment variables, laid over those of the file."""

import re
from collections.abc import Mapping
from typing import Any

from exporter.config.document import Document, parse_flow
from exporter.config.errors import Origin, Problem
from exporter.config.keys import PREFIX, Key, setting_keys
from exporter.config.suggestion import did_you_mean

TOKEN_VARIABLE = "GITLAB_TOKEN"  # noqa: S105

# What Kubernetes sets in every pod for a Service whose name starts with gitlab-dora.
_SERVICE_LINK = re.compile(
    r"GITLAB_DORA(_[A-Z0-9_]+)?_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def apply_environment(document: Document, environ: Mapping[str, str]) -> None:
    """Put the values of ``GITLAB_DORA_*`` and ``GITLAB_TOKEN`` into a document.

    Unknown ``GITLAB_DORA_*`` variables become problems of the document, except those that
    Kubernetes sets by itself for a Service.
    """
    keys = {key.variable: key for key in setting_keys()}
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    for name in sorted(given.keys() - keys.keys()):
        if not _SERVICE_LINK.fullmatch(name):
            known = [variable.removeprefix(PREFIX) for variable in keys]
            hint = did_you_mean(name.removeprefix(PREFIX), known, prefix=PREFIX)
            text = f"unknown variable{hint or '; the variables are ' + ', '.join(keys)}"
            document.problems.append(Problem(Origin(name), (), text))
    chosen = [keys[name] for name in given if name in keys]
    if any(key.path in {("gitlab", "token"), ("gitlab", "token_file")} for key in chosen):
        # Two ways to say one thing: the file's way must not contradict the environment's.
        _remove(document, ("gitlab", "token"))
        _remove(document, ("gitlab", "token_file"))
    for key in chosen:
        _override(document, key, given[key.variable])
    _default_token(document, environ)


def _override(document: Document, key: Key, text: str) -> None:
    origin = Origin(key.variable)
    document.drop(key.path)
    try:
        value = _list(text) if key.is_list else text
    except ValueError as error:
        problem = f"{error}; write a list such as '[a, b]', or a, b when its items are plain text"
        document.problems.append(Problem(origin, key.path, problem))
        return
    if _put(document, key.path, value):
        document.origins[key.path] = origin


def _list(text: str) -> object:
    if text.lstrip().startswith(("[", "{")):
        return parse_flow(text)
    return [item.strip() for item in text.split(",") if item.strip()]


def _put(document: Document, path: tuple[str, ...], value: object) -> bool:
    target: Any = document.data
    for part in path[:-1]:
        if target.get(part) is None:
            target[part] = {}
        target = target[part]
        if not isinstance(target, dict):
            return False  # The file is wrong there, and validation will say so.
    target[path[-1]] = value
    return True


def _remove(document: Document, path: tuple[str, str]) -> None:
    document.drop(path)
    section = document.data.get(path[0])
    if isinstance(section, dict):
        section.pop(path[1], None)


def _default_token(document: Document, environ: Mapping[str, str]) -> None:
    section = document.data.get("gitlab")
    given = section if isinstance(section, dict) else {}
    if given.get("token") is None and given.get("token_file") is None:
        token = environ.get(TOKEN_VARIABLE)
        already_wrong = any(
            problem.path[:2] == ("gitlab", "token") for problem in document.problems
        )
        if token and not already_wrong and _put(document, ("gitlab", "token"), token):
            document.origins["gitlab", "token"] = Origin(TOKEN_VARIABLE)
