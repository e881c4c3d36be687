"""What was found, as lines for people or as JSON, and as an exit code."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exporter.doctor.finding import Finding, Severity

_NAMED = 3
"""Subjects that a line names; JSON has all."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an examination.

    ``projects`` were looked at, of ``in_scope`` that are polled. ``whole`` says that nothing kept
    the rest from being looked at.
    """

    url: str
    findings: Sequence[Finding]
    projects: int
    in_scope: int
    requests: int
    whole: bool

    def redacted(self, redact: Callable[[str], str]) -> "Report":
        """Return the same without secrets: GitLab's words and names may hold anything."""
        findings = [
            replace(
                one,
                subjects=tuple(map(redact, one.subjects)),
                what=redact(one.what),
            )
            for one in self.findings
        ]
        return replace(self, findings=findings)

    def exit_code(self, *, strict: bool = False) -> int:
        """Return 1 where numbers are wrong or missing, with ``strict`` for any finding, else 0."""
        return int(any(strict or one.severity is Severity.ERROR for one in self.findings))

    def lines(self) -> list[str]:
        """Return a line for each finding, worst first, and a summary."""
        return [*map(_line, self.findings), self._summary()]

    def document(self) -> dict[str, object]:
        """Return all of it, ready for JSON."""
        return {
            "url": self.url,
            "findings": [
                {
                    "severity": one.severity.value,
                    "code": one.kind.value.code,
                    "subjects": list(one.subjects),
                    "what": one.what,
                    "effect": one.kind.value.effect,
                    "remedy": one.advice,
                }
                for one in self.findings
            ],
            "projects": {"looked_at": self.projects, "in_scope": self.in_scope},
            "requests": self.requests,
            "whole": self.whole,
        }

    def _summary(self) -> str:
        counted = Counter(one.severity for one in self.findings)
        found = ", ".join(_counted(counted[one], one) for one in Severity if counted[one])
        told = (
            f"{found or 'nothing found'}; looked at {self.projects} of"
            f" {_counted(self.in_scope, 'project')} in {_counted(self.requests, 'request')}"
        )
        return told if self.whole else f"{told}; the rest could not be looked at"


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _line(one: Finding) -> str:
    traits = one.kind.value
    named = ", ".join(one.subjects[:_NAMED])
    more = len(one.subjects) - _NAMED
    subjects = f"{named} and {more} more" if more > 0 else named
    text = f"{one.severity}: [{traits.code}] {subjects}: {one.what}; {traits.effect}; {one.advice}"
    return _one_line(text)


def _one_line(text: str) -> str:
    """Show what a terminal might obey: GitLab's names are anybody's."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
