"""The keys of the settings, as paths, names and environment variables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from exporter.config.models import Settings

PREFIX = "GITLAB_DORA_"


@dataclass(frozen=True, slots=True)
class Key:
    """One setting.

    Attributes:
        path: Its keys from the top.
        variable: The environment variable that overrides it.
        is_list: Whether its value is a list.
    """

    path: tuple[str, ...]
    variable: str
    is_list: bool


def setting_keys() -> Iterator[Key]:
    """Every setting that is no section, in the order of the models."""
    for name, field in Settings.model_fields.items():
        section = _model(field.annotation)
        if section is None or _is_list(field):
            yield Key((name,), PREFIX + name.upper(), _is_list(field))
            continue
        for inner, inner_field in section.model_fields.items():
            variable = f"{PREFIX}{name.upper()}__{inner.upper()}"
            yield Key((name, inner), variable, _is_list(inner_field))


def known_keys(path: Sequence[str | int], root: type[BaseModel] = Settings) -> list[str]:
    """The keys allowed in the mapping at a path; empty when there is none."""
    model: type[BaseModel] | None = root
    for part in path:
        if model is None:
            break
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        model = _model(field.annotation) if field else None
    return list(model.model_fields) if model else []


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _model(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
