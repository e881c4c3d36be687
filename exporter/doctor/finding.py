"""One thing that was found."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.doctor.kinds import Kind, Severity

__all__ = ["Finding", "Severity", "ordered"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with what.

    ``subjects`` are what it is wrong with: a key, a path, an environment. A ``mild`` one is a
    warning whatever its kind is. ``remedy`` says more than that of the kind where it is known.
    """

    kind: Kind
    subjects: tuple[str, ...]
    what: str
    mild: bool = False
    remedy: str = ""

    @classmethod
    def of(
        cls, kind: Kind, subject: str, what: str, *, mild: bool = False, remedy: str = ""
    ) -> "Finding":
        """Make one with a single subject."""
        return cls(kind, (subject,), what, mild, remedy)

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity.WARNING if self.mild else self.kind.value.severity

    @property
    def advice(self) -> str:
        """What to do."""
        return self.remedy or self.kind.value.remedy


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings worst first; what is the same of several subjects becomes one."""
    together: dict[tuple[Kind, str, bool, str], Finding] = {}
    for one in findings:
        key = (one.kind, one.what, one.mild, one.remedy)
        known = together.get(key)
        subjects = (*known.subjects, *one.subjects) if known else one.subjects
        together[key] = replace(one, subjects=tuple(dict.fromkeys(subjects)))
    return sorted(
        together.values(),
        key=lambda one: (one.severity is not Severity.ERROR, one.kind.order, -len(one.subjects)),
    )
