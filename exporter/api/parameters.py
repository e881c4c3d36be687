"""The parameters of ``/dora/metrics``: their defaults, and what GitLab says of wrong ones.

GitLab's framework looks first whether the parameters are there and can be read, and lists all that
is wrong in one ``error``. Then, once the project or group is found, its DORA service checks what
they mean, in a fixed order, and stops at the first ``message``.
https://docs.gitlab.com/ee/api/dora/metrics.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from starlette.datastructures import QueryParams

from exporter.api.errors import invalid, malformed
from exporter.dora.arithmetic import Authors
from exporter.dora.calendar import Interval, months_before
from exporter.dora.tiers import TIERS

Payload = Literal["key_value", "date_value"]
PAYLOADS: tuple[Payload, ...] = ("key_value", "date_value")

_SEVERAL = "environment_tiers[]"
_NAMES = (
    "metric",
    "start_date",
    "end_date",
    "interval",
    "environment_tier",
    "environment_tiers",
    "payload",
    "authors",
)

_FIRST_YEAR, _LAST_YEAR = 1000, 9000  # no time zone reaches beyond what datetime can hold

DEFAULT_MONTHS = 3
"""How far back the range begins where ``start_date`` is not given."""


class MetricName(StrEnum):
    """The metrics that can be asked for."""

    DEPLOYMENT_FREQUENCY = "deployment_frequency"
    LEAD_TIME_FOR_CHANGES = "lead_time_for_changes"


@dataclass(frozen=True, slots=True)
class Query:
    """A question that can be answered. ``start`` and ``end`` are both included."""

    metric: MetricName
    start: date
    end: date
    interval: Interval
    tiers: tuple[str, ...]
    payload: Payload
    authors: Authors = Authors.PEOPLE

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters that ask the same, whatever day it is; the form is left out."""
        return [
            ("metric", self.metric),
            ("start_date", self.start.isoformat()),
            ("end_date", self.end.isoformat()),
            ("interval", self.interval),
            *((_SEVERAL, tier) for tier in dict.fromkeys(self.tiers)),
            *([] if self.authors is Authors.PEOPLE else [("authors", str(self.authors))]),
        ]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters that can be read, but may not make sense yet."""

    metric: MetricName
    start: date
    end: date
    interval: str
    tiers: tuple[str, ...]
    several_tiers: bool
    payload: Payload
    authors: Authors = Authors.PEOPLE

    def checked(self, *, longest_days: int) -> Query:
        """Check what the parameters mean, in the order of GitLab's service.

        Raises:
            RefusalError: 400 with the first thing that is wrong.
        """
        if (self.end - self.start).days > longest_days:
            raise invalid(f"Date range must be shorter than {longest_days} days.")
        if self.start > self.end:
            raise invalid("The start date must be earlier than the end date.")
        if self.interval not in list(Interval):
            raise invalid(f"The interval must be one of {','.join(Interval)}.")
        if any(tier not in TIERS for tier in self.tiers):
            raise invalid(
                f"The environment tiers must be from {', '.join(TIERS)}."
                if self.several_tiers
                else f"The environment tier must be one of {','.join(TIERS)}."
            )
        return Query(
            self.metric,
            self.start,
            self.end,
            Interval(self.interval),
            self.tiers,
            self.payload,
            self.authors,
        )


def read_parameters(
    query: QueryParams, *, today: date, payload: Payload, wrong: Sequence[str] = ()
) -> Parameters:
    """Read the query string.

    Args:
        query: the decoded query; of a parameter given twice the last counts.
        today: the current date in the time zone of the buckets, the default end.
        payload: the form of the answer where the query names none.
        wrong: what was found already that cannot be read.

    Raises:
        RefusalError: 400 with everything that is missing or cannot be read.
    """
    # Of the wrong shape, they would be overlooked and the answer be that to another question.
    misshapen = dict.fromkeys(name.partition("[")[0] for name in query if _is_misshapen(name))
    errors = [f"{name} is invalid" for name in misshapen]
    errors += wrong
    metric = query.get("metric")
    if metric is None:
        errors += [] if "metric" in misshapen else ["metric is missing"]
    elif metric not in list(MetricName):
        errors.append("metric does not have a valid value")
    start = _day(query, "start_date", months_before(today, DEFAULT_MONTHS), errors)
    end = _day(query, "end_date", today, errors)
    wanted = query.get("payload", payload)
    form = next((one for one in PAYLOADS if one == wanted), None)
    if form is None:
        errors.append("payload does not have a valid value")
    authors = query.get("authors", Authors.PEOPLE)
    if authors not in list(Authors):
        errors.append("authors does not have a valid value")
    if errors or metric is None or form is None:
        raise malformed(*errors)
    several = tuple(query.getlist(_SEVERAL))
    return Parameters(
        metric=MetricName(metric),
        start=start,
        end=end,
        interval=query.get("interval", Interval.DAILY),
        tiers=several or (query.get("environment_tier", "production"),),
        several_tiers=bool(several),
        payload=form,
        authors=Authors(authors),
    )


def _is_misshapen(name: str) -> bool:
    """Tell whether a parameter is a list where one value belongs, or the other way round.

    ``environment_tiers[0]``, as some clients write lists, is to GitLab no list.
    """
    known, bracket, _ = name.partition("[")
    if not bracket:
        return name == "environment_tiers"
    return known in _NAMES and name != _SEVERAL


def _day(query: QueryParams, name: str, default: date, errors: list[str]) -> date:
    text = query.get(name)
    if not text:  # GitLab's framework takes an empty date for none
        return default
    try:
        # An ISO 8601 date; GitLab takes one with a time too, and drops the time.
        day = datetime.fromisoformat(text).date()
    except ValueError:
        day = date.min
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        errors.append(f"{name} is invalid")
        return default
    return day
