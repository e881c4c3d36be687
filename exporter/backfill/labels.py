"""Labels that Prometheus adds when it scrapes, given by hand so that the series join."""

import re

from exporter.metrics import catalogue

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN = {label for family in catalogue.EVERY for label in family.labels}


def extra_label(text: str) -> tuple[str, str]:
    """Read a label written ``name=value``.

    Raises:
        ValueError: if it is none, or is one that the exporter sets itself.
    """
    name, equals, value = text.partition("=")
    if not equals or not value or not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is not a label; write for example job=gitlab-dora")
    if name in _OWN or name.startswith("__"):
        raise ValueError(f"{name!r} is a label that cannot be set; usual ones are job and instance")
    return name, value
