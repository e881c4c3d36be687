from fractions import Fraction
from math import isclose, nextafter
from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.arithmetic import quantile

DECADE = 10 * 366 * 86_400
seconds = st.one_of(
    st.integers(0, DECADE).map(float),
    st.integers(0, DECADE * 1_000_000).map(lambda microseconds: microseconds / 1_000_000),
)
samples = st.lists(seconds, min_size=1, max_size=60).map(sorted)
fractions = st.integers(0, 100).map(lambda percent: percent / 100)


def percentile_cont(values: list[float], fraction: Fraction) -> Fraction:
    """Return the continuous percentile as SQL defines it, without rounding.

    With the rows numbered from 1 to N, the wanted row is 1 + P(N - 1); between the whole rows
    around it the value is weighted by how near each is.
    """
    row = 1 + fraction * (len(values) - 1)
    floor, ceiling = row.__floor__(), row.__ceil__()
    if floor == ceiling:
        return Fraction(values[floor - 1])
    return (ceiling - row) * Fraction(values[floor - 1]) + (row - floor) * Fraction(
        values[ceiling - 1]
    )


@pytest.mark.parametrize(
    ("values", "fraction", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 0.75, 3.25),
        ([0.0, 10.0], 0.95, 9.5),
        ([1.0, 2.0, 4.0], 0.0, 1.0),
        ([1.0, 2.0, 4.0], 1.0, 4.0),
        ([float(n) for n in range(21)], 0.95, 19.0),
    ],
)
def test_by_hand(values: list[float], fraction: float, expected: float) -> None:
    assert quantile(values, fraction) == expected


def test_no_values_have_no_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@given(samples, st.integers(0, 100))
def test_is_the_continuous_percentile(values: list[float], percent: int) -> None:
    exact = percentile_cont(values, Fraction(percent, 100))
    assert isclose(quantile(values, percent / 100), float(exact), rel_tol=1e-12, abs_tol=1e-4)


@given(samples)
def test_a_half_is_the_median(values: list[float]) -> None:
    assert isclose(quantile(values, 0.5), median(values), rel_tol=1e-15)


@given(st.lists(seconds, min_size=2, max_size=60).map(sorted), st.sampled_from([2, 4, 10, 20]))
def test_cut_points_are_those_of_statistics(values: list[float], pieces: int) -> None:
    expected = quantiles(values, n=pieces, method="inclusive")
    for number, cut in enumerate(expected, start=1):
        assert isclose(quantile(values, number / pieces), cut, rel_tol=1e-9, abs_tol=1e-4)


@given(samples, fractions)
def test_lies_between_the_least_and_the_greatest(values: list[float], fraction: float) -> None:
    # The last bit of an interpolation may round past its upper neighbour.
    assert values[0] <= quantile(values, fraction) <= nextafter(values[-1], float("inf"))


@given(samples, fractions, fractions)
def test_never_falls_with_its_fraction(values: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert quantile(values, low) <= nextafter(quantile(values, high), float("inf"))


@given(samples, fractions, st.integers(0, DECADE))
def test_follows_a_shift(values: list[float], fraction: float, shift: int) -> None:
    shifted = [value + shift for value in values]
    assert isclose(quantile(shifted, fraction), quantile(values, fraction) + shift, abs_tol=1e-4)
