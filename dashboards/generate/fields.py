"""How values are shown: units, thresholds, the words for DORA's performance levels, overrides."""

from typing import Any

Json = dict[str, Any]

NEUTRAL = "#8e8e8e"
"""Readable on light and on dark; also the colour of what has no value."""
GOOD = "semi-dark-green"
FAIR = "semi-dark-blue"
POOR = "semi-dark-orange"
BAD = "semi-dark-red"

SECONDS = "s"
PER_DAY = "suffix:/day"
REQUESTS_PER_SECOND = "reqps"
PER_SECOND = "suffix:/s"
SHARE = "percentunit"
COUNT = "short"
TEXT = "none"

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONTH = 30 * DAY

_ENDLESS = 10**12


def thresholds(*steps: tuple[str, float]) -> Json:
    """Colours from values on; what lies below, and no value at all, is neutral."""
    base = {"color": NEUTRAL, "value": None}
    return {
        "mode": "absolute",
        "steps": [base, *({"color": color, "value": value} for color, value in steps)],
    }


PLAIN = thresholds()

# A little below 1/30 and 1/7: one deployment in 30 or 7 days must reach its level.
_MONTHLY, _WEEKLY, _DAILY = 0.0333, 0.1428, 1
FREQUENCY_LEVELS = thresholds((BAD, 0), (POOR, _MONTHLY), (FAIR, _WEEKLY), (GOOD, _DAILY))
LEAD_TIME_LEVELS = thresholds((GOOD, 0), (FAIR, DAY), (POOR, WEEK), (BAD, MONTH))
LAST_DEPLOYMENT = thresholds((GOOD, 0), (FAIR, WEEK), (POOR, MONTH))
MORE_IS_BETTER = thresholds((BAD, -1), (POOR, -0.5), (NEUTRAL, -0.2), (GOOD, 0.2))
LESS_IS_BETTER = thresholds((GOOD, -1), (NEUTRAL, -0.2), (POOR, 0.2), (BAD, 0.5))


def _words(*ranges: tuple[str, float, float]) -> list[Json]:
    return [
        {"from": str(low), "id": number, "text": text, "to": str(high), "type": 2, "value": ""}
        for number, (text, low, high) in enumerate(ranges, start=1)
    ]


# A value on a border belongs to the range that comes first.
FREQUENCY_WORDS = _words(
    ("Elite", _DAILY, _ENDLESS),
    ("High", _WEEKLY, _DAILY),
    ("Medium", _MONTHLY, _WEEKLY),
    ("Low", 0, _MONTHLY),
)
LEAD_TIME_WORDS = _words(
    ("Low", MONTH, _ENDLESS),
    ("Medium", WEEK, MONTH),
    ("High", DAY, WEEK),
    ("Elite", 0, DAY),
)
UP_OR_DOWN = [
    {"from": "", "id": 1, "text": "Up", "to": "", "type": 1, "value": "1"},
    {"from": "", "id": 2, "text": "Down", "to": "", "type": 1, "value": "0"},
]

SHOWN_OR_WITHHELD = [
    {"from": "", "id": 1, "text": "All shown", "to": "", "type": 1, "value": "0"},
    {"from": "", "id": 2, "text": "All withheld", "to": "", "type": 1, "value": "1"},
]

LEVELS_OF_FREQUENCY = (
    "Levels: elite at least once a day, high once a week, medium once a month, low less often."
)
LEVELS_OF_LEAD_TIME = (
    "Levels: elite below a day, high below a week, medium below 30 days, low above."
)


def override(column: str, **properties: Any) -> Json:
    """Show one column or series differently; ``custom__width`` stands for ``custom.width``."""
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [
            {"id": name.replace("__", "."), "value": value} for name, value in properties.items()
        ],
    }


def link(title: str, uid: str, **variables: str) -> Json:
    """Lead to another dashboard with its variables set; the time range goes along."""
    values = {"datasource": "${datasource}"} | variables
    query = "&".join(f"var-{name}={value}" for name, value in values.items())
    return {
        "targetBlank": False,
        "title": title,
        "url": f"/d/{uid}?{query}&${{__url_time_range}}",
    }
