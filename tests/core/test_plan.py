"""Rule and exceptions, and the thresholds that they can bear."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_widget.core.plan import PruningPlan, threshold_for, threshold_limit
from kan_widget.core.reach import cut_outputs
from kan_widget.core.scores import Scores
from kan_widget.core.topology import Edge, Topology

TOPOLOGY = Topology((2, 3, 2), (("x1", "x2"), ("h1", "h2", "h3"), ("y1", "y2")))
ALL = list(TOPOLOGY.edges())
LEVELS = st.floats(0, 1, width=32)


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    def array(*shape: int) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(draw(st.lists(LEVELS, min_size=size, max_size=size))).reshape(shape)

    return Scores(tuple(array(*s) for s in TOPOLOGY.shapes), tuple(array(n) for n in TOPOLOGY.widths))


@st.composite
def plans(draw: st.DrawFn) -> PruningPlan:
    pruned = draw(st.frozensets(st.sampled_from(ALL), max_size=4))
    kept = draw(st.frozensets(st.sampled_from(ALL), max_size=4)) - pruned
    structure = draw(st.sampled_from(["edge", "node", "input"]))
    return PruningPlan(draw(LEVELS), structure=structure, pruned=pruned, kept=kept)


def alive(plan: PruningPlan, s: Scores) -> set[Edge]:
    return {Edge(i, b, a) for i, mask in enumerate(plan.masks(s)) for a, b in np.argwhere(mask).tolist()}


@given(plans(), scores(), LEVELS)
def test_larger_threshold_leaves_a_subset(plan: PruningPlan, s: Scores, other: float) -> None:
    low, high = sorted([plan.threshold, other])
    assert alive(replace(plan, threshold=high), s) <= alive(replace(plan, threshold=low), s)


@given(plans(), scores())
def test_exceptions_overrule_the_rule(plan: PruningPlan, s: Scores) -> None:
    left = alive(plan, s)
    assert plan.kept <= left
    assert not plan.pruned & left
    rule = alive(replace(plan, pruned=frozenset(), kept=frozenset()), s)
    others = set(ALL) - plan.kept - plan.pruned
    assert left & others == rule & others


@given(plans(), scores(), st.frozensets(st.sampled_from(ALL), min_size=1, max_size=4))
def test_restored_edges_are_on_and_pruned_ones_off(plan: PruningPlan, s: Scores, chosen: frozenset[Edge]) -> None:
    before = alive(plan, s)
    assert alive(plan.restore(chosen, s), s) == before | chosen
    assert alive(plan.prune(chosen), s) == before - chosen
    assert alive(plan.keep(chosen), s) == before | chosen


@given(plans(), scores(), scores())
def test_another_criterion_takes_as_many(plan: PruningPlan, old: Scores, new: Scores) -> None:
    changed = plan.with_criterion("std", old, new)
    taken = int((plan.candidates(old) < plan.threshold).sum())
    values = plan.candidates(new)
    ties = int((values == values[taken]).sum()) if taken < len(values) else 0
    count = int((values < changed.threshold).sum())
    assert count <= taken
    assert count == taken or taken - count < ties


@given(plans(), scores())
def test_limit_is_the_largest_threshold_that_cuts_no_output(plan: PruningPlan, s: Scores) -> None:
    limit = threshold_limit(plan, s)
    steps = [*np.unique(plan.candidates(s)), 2.0]
    fine = [t for t in steps if not cut_outputs(replace(plan, threshold=float(t)).masks(s))]
    if len(fine) == len(steps):
        assert limit is None
    elif fine:
        assert limit == max(fine)


def test_sparsity_is_the_fraction_removed() -> None:
    values = np.arange(10) / 10
    for sparsity, removed in ((0.0, 0), (0.2, 2), (0.8, 8), (1.0, 10)):
        assert (values < threshold_for(values, sparsity)).sum() == removed
    with pytest.raises(ValueError, match="fraction removed"):
        threshold_for(values, 20)


@pytest.mark.parametrize(
    "options",
    [{"threshold": float("inf")}, {"threshold": float("nan")}, {"structure": "layer"}, {"compensate": "magic"}],
)
def test_plan_refuses_what_it_cannot_mean(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        PruningPlan(**options)  # type: ignore[arg-type]
