"""Formulas against the functions that they came from, and against SciPy's fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from kan_widget.core.formula import SHAPES, Formula, resemble

X = np.linspace(-1, 1, 100)


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("x", 3 * X - 2),
        ("x^2", 0.5 * (X - 0.3) ** 2 + 1),
        ("x^3", (X + 0.2) ** 3),
        ("sin", 1.5 * np.sin(4 * X + 1) - 0.5),
        ("exp", 0.1 * np.exp(2.5 * X)),
        ("log", 2 * np.log(X + 1.5)),
        ("sqrt", np.sqrt(2 - X)),
        ("1/x", 1 / (X + 1.3)),
        ("tanh", np.tanh(4 * X - 1)),
        ("gaussian", np.exp(-((3 * X + 0.5) ** 2))),
        ("abs", np.abs(X - 0.25)),
    ],
)
def test_resemble_names_the_function_that_it_was(name: str, y: np.ndarray) -> None:
    best = resemble(X, y)[0]
    assert best.name == name
    assert best.r2 > 1 - 1e-6
    assert np.abs(best(X) - y).max() < 1e-2 * np.ptp(y)


@pytest.mark.parametrize("shift", [0.0, 5.0, -300.0])
def test_resemble_works_wherever_the_data_lie(shift: float) -> None:
    x = shift + 0.01 * X
    best = resemble(x, np.sin(300 * (x - shift)))[0]
    assert best.name == "sin"
    assert np.abs(best(x) - np.sin(300 * (x - shift))).max() < 1e-2


def test_resemble_fits_as_well_as_scipy_does() -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(X))
    y = 0.7 * np.tanh(3 * X + 0.4) + 0.2 + noise
    ours = next(f for f in resemble(X, y, most=len(SHAPES)) if f.name == "tanh")
    theirs, _ = curve_fit(lambda x, a, b, c, d: c * np.tanh(a * x + b) + d, X, y, p0=[3, 0.4, 0.7, 0.2])
    residual = theirs[2] * np.tanh(theirs[0] * X + theirs[1]) + theirs[3] - y
    assert ours.r2 == pytest.approx(1 - (residual**2).mean() / y.var(), abs=1e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_resemble_states_the_r2_that_its_formula_has(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = np.sort(generator.normal(generator.normal(), np.exp(generator.normal()), 60))
    y = np.cumsum(generator.standard_normal(60))
    found = resemble(x, y, most=len(SHAPES))
    for formula in found:
        assert formula.r2 == pytest.approx(1 - ((formula(x) - y) ** 2).mean() / y.var(), abs=1e-6)
        assert formula.r2 <= 1
    assert found[0].r2 >= max(formula.r2 for formula in found) - 2e-3


def test_resemble_prefers_the_simpler_of_two_that_fit() -> None:
    assert resemble(X, 2 * X + 1e-6 * X**3)[0].name == "x"


def test_resemble_has_nothing_to_say_of_constants_and_of_what_is_not_finite() -> None:
    assert resemble(X, np.ones(100)) == []
    assert resemble(X, np.full(100, np.nan)) == []
    assert resemble(np.zeros(100), X) == []


def test_resemble_refuses_what_is_no_curve() -> None:
    with pytest.raises(ValueError, match="one length"):
        resemble(X, X[:-1])
    with pytest.raises(ValueError, match="4 or more"):
        resemble(X[:3], X[:3])


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (Formula("sin", 3.14159, 0, 1.021, 0.0123, 1), "1.02 sin(3.14 x) + 0.0123"),
        (Formula("x", 1, 0, -1, 0, 1), "-x"),
        (Formula("x^2", 1, -0.3, 0.5, -1, 1), "0.5 (x - 0.3)^2 - 1"),
        (Formula("x^2", 1, 0, -2, 0, 1), "-2 x^2"),
        (Formula("exp", 2.5, 1e-9, 0.1, 0, 1), "0.1 exp(2.5 x)"),
    ],
)
def test_formula_reads_like_one(formula: Formula, text: str) -> None:
    assert formula.text() == text
