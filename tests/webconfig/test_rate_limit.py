"""The bucket of requests."""

import pytest

from exporter.config import Duration
from exporter.webconfig.models import RateLimit
from exporter.webconfig.rate_limit import Bucket


class Hand:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_and_then_one_in_each_interval() -> None:
    now = Hand()
    bucket = Bucket(RateLimit(interval=Duration.parse("2s"), burst=3), now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now.seconds += 1.9
    assert not bucket.take()
    now.seconds += 0.2
    assert [bucket.take() for _ in range(2)] == [True, False]
    now.seconds += 1000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_without_an_interval_there_is_no_limit() -> None:
    bucket = Bucket(RateLimit(), Hand())
    assert all(bucket.take() for _ in range(1000))


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("100ms", 0.1),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("1h1.5m", 3690),
        ("2500us", 0.002),
        ("2500\u00b5s", 0.002),
        ("1ns", 0.001),
        ("1d", 86400),
    ],
)
def test_intervals_are_written_as_in_go_or_in_prometheus(interval: str, seconds: float) -> None:
    limit = RateLimit.model_validate({"interval": interval, "burst": 1})
    assert limit.interval.seconds == seconds
