import pytest
from pydantic import BaseModel, ValidationError

from exporter.config.duration import Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("95d", 95 * 86400),
        ("2w", 14 * 86400),
        ("1y", 365 * 86400),
        ("1y2w3d4h5m6s7ms", 365 * 86400 + 17 * 86400 + 4 * 3600 + 306.007),
    ],
)
def test_reads_prometheus_notation(text: str, seconds: float) -> None:
    """Every unit of Prometheus and their combinations are understood."""
    duration = Duration.parse(text)
    assert duration.seconds == pytest.approx(seconds)
    assert duration.timedelta.total_seconds() == pytest.approx(seconds)
    assert str(duration) == duration.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5x",
        "-5m",
        "1.5h",
        "5 m",
        " 5m",
        "5m ",
        "1m1h",
        "1h1h",
        "h",
        "5M",
        "٣m",
        "101y",
        "999999999y",
        "9" * 5000 + "d",
    ],
)
def test_refuses_everything_else_and_shows_what_is_allowed(text: str) -> None:
    """Other notations, signs, fractions and spaces are refused with examples."""
    with pytest.raises(ValueError, match="write for example 30s, 5m, 1h, 95d") as refused:
        Duration.parse(text)
    assert len(str(refused.value)) < 200


def test_is_a_field_of_pydantic_models() -> None:
    """A model takes durations as text and writes them as text."""

    class Model(BaseModel):
        wait: Duration

    assert Model.model_validate({"wait": "1m"}).wait == Duration.parse("1m")
    assert Model(wait=Duration.parse("1m")).model_dump(mode="json") == {"wait": "1m"}
    for wrong in ("1x", True, None, ["1m"], 5):
        with pytest.raises(ValidationError, match="write for example 30s"):
            Model.model_validate({"wait": wrong})
