"""Thresholds that scores suggest, against their definitions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kan_widget.core.rules import RULES, energy, gap, gaps, mean_sd, named_rule, quantile

POSITIVE = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=30, unique=True)
ANY = st.lists(st.floats(-10, 10), min_size=1, max_size=30)


@given(POSITIVE)
def test_gap_lies_where_neighbours_differ_most(scores: list[float]) -> None:
    threshold = gap(scores, ratio=1.0)
    ordered = np.sort(scores)
    ratios = ordered[1:] / ordered[:-1]
    assume(ratios.max() > 1 + 1e-9)
    count = int((ordered < threshold).sum())
    assert 0 < count < len(scores)
    assert ratios[count - 1] >= ratios.max() * (1 - 1e-9)


def test_gap_needs_a_gap() -> None:
    assert gap([1.0, 1.4, 2.0]) == 0
    assert gap([-1.0, 1.0, 1.4]) == pytest.approx((2**-23 * 1.4 * 1.0) ** 0.5)
    assert 1.0 < gap([1.0, 1.4, 2.9]) < 2.9 / 1.4 * 1.4
    assert gap([1.0, 1.4, 1.8, 2.0], ratio=1.3) == pytest.approx(1.4**0.5)
    assert gap([5.0, 5.0]) == gap([5.0]) == gap([]) == gap([0.0, 0.0]) == 0
    assert gap([-2.0, -1.0]) == -np.inf


@given(POSITIVE, st.floats(1, 10), st.integers(1, 5))
def test_gaps_are_the_widest_ones_in_order(scores: list[float], ratio: float, most: int) -> None:
    found = gaps(scores, ratio, most)
    ordered = np.sort(scores)
    ratios = ordered[1:] / ordered[:-1]
    widest = np.sort(ratios)[::-1]
    assume(np.abs(widest - ratio).min() > 1e-9)
    assert len(found) == min(most, int((ratios >= ratio).sum()))
    between = [ratios[int((ordered < threshold).sum()) - 1] for threshold in found]
    assert_allclose(between, widest[: len(found)])
    assert len(set(found)) == len(found)


def test_gap_does_not_look_below_rounding() -> None:
    scores = np.array([1e-16, 1e-9, 0.0, 1.0, 3.0])
    assert (scores < gap(scores)).tolist() == [True, True, True, False, False]


@given(POSITIVE, st.floats(1e-3, 1e3))
def test_gap_has_the_unit_of_the_scores(scores: list[float], unit: float) -> None:
    # Of two gaps that are equal up to rounding it may take either.
    ratios = np.sort(np.diff(np.log(np.sort(scores))))
    assume(len(ratios) == 1 or ratios[-1] - ratios[-2] > 1e-9)
    assert_allclose(gap(np.array(scores) * unit, 1.0), gap(scores, 1.0) * unit, rtol=1e-9)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30, unique=True), st.floats(0, 1))
def test_quantile_takes_its_fraction(scores: list[float], q: float) -> None:
    assert int((np.array(scores) < quantile(scores, q)).sum()) == round(q * len(scores))


@given(ANY, st.floats(0, 0.9))
def test_energy_gives_up_as_much_as_it_may(scores: list[float], eps: float) -> None:
    square = np.clip(scores, 0, None) ** 2
    lost = square[np.array(scores) < energy(scores, eps)].sum()
    assert lost <= (eps + 1e-15) * square.sum() * (1 + 1e-9)  # what is lost to rounding in the sum is lost to all
    kept = square[np.array(scores) >= energy(scores, eps)]
    if square.sum() > 0:
        weakest = kept[kept == kept.min()].sum()  # equal scores go together or not at all
        assert lost + weakest >= eps * square.sum() * (1 - 1e-9)


@given(ANY, st.floats(-3, 3))
def test_mean_sd_is_its_formula(scores: list[float], k: float) -> None:
    mean = sum(scores) / len(scores)
    spread = (sum((s - mean) ** 2 for s in scores) / len(scores)) ** 0.5
    assert mean_sd(scores, k) == pytest.approx(mean - k * spread, abs=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_rule_does_not_see_shape_or_order(name: str) -> None:
    scores = np.random.default_rng(0).lognormal(sigma=3, size=(4, 6))
    flat = np.sort(scores, axis=None)[::-1]
    assert RULES[name](scores) == RULES[name](flat)
    assert RULES[name](np.empty((0, 3))) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gap([1.0, 2.0], ratio=0.5), "ratio, the least factor"),
        (lambda: quantile([1.0], q=1.2), "q, the fraction"),
        (lambda: energy([1.0], eps=1.0), "eps, the share of the energy"),
        (lambda: mean_sd([1.0], k=float("nan")), "k, the number of standard deviations"),
        (lambda: gap([1.0, float("nan")]), "finite"),
        (lambda: named_rule("otsu"), "gap, quantile, energy, mean_sd"),
    ],
)
def test_bad_option_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
