"""Rule and exceptions, and the thresholds that they can bear."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_widget.core.plan import PruningPlan, threshold_for, threshold_limit
from kan_widget.core.reach import cut_outputs
from kan_widget.core.scores import Scores
from kan_widget.core.select import Target, choose
from kan_widget.core.topology import Edge, Node, Topology

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
    thresholds = draw(st.none() | st.tuples(LEVELS, LEVELS))
    return PruningPlan(
        draw(LEVELS),
        structure=structure,
        pruned=pruned,
        kept=kept,
        thresholds=thresholds,
        min_per_layer=draw(st.integers(0, 7)),
    )


def alive(plan: PruningPlan, s: Scores) -> set[Edge]:
    return {Edge(i, b, a) for i, mask in enumerate(plan.masks(s)) for a, b in np.argwhere(mask).tolist()}


@given(plans(), scores(), LEVELS)
def test_larger_threshold_leaves_a_subset(plan: PruningPlan, s: Scores, other: float) -> None:
    low, high = sorted([plan.threshold, other])
    assert alive(plan.at(high, scores=s), s) <= alive(plan.at(low, scores=s), s)
    for layer in plan.ruled(s):
        low, high = sorted([plan.threshold_of(layer), other])
        assert alive(plan.at(high, layer, scores=s), s) <= alive(plan.at(low, layer, scores=s), s)


@given(plans(), scores())
def test_each_layer_goes_by_its_own_threshold(plan: PruningPlan, s: Scores) -> None:
    """What the rule takes, part by part: below the layer's threshold, and not among its strongest."""
    rule = replace(plan, pruned=frozenset(), kept=frozenset())
    gone: set[Edge] = set()
    for layer, values in rule.ruled(s).items():
        threshold = plan.thresholds[layer] if plan.thresholds else plan.threshold
        free = sorted(range(values.size), key=lambda i: values.flat[i])[: max(0, values.size - plan.min_per_layer)]
        below = [i for i in free if values.flat[i] < threshold]
        if plan.structure == "edge":
            gone |= {Edge(layer, i % values.shape[1], i // values.shape[1]) for i in below}
        else:
            gone |= {edge for i in below for edge in TOPOLOGY.edges_at(Node(layer, i))}
    assert alive(rule, s) == set(ALL) - gone


@given(scores(), LEVELS, st.integers(0, 7), st.sampled_from(["edge", "node", "input"]))
def test_min_per_layer_is_that_of_one_shot_pruning(s: Scores, threshold: float, count: int, structure: str) -> None:
    on = tuple(np.ones(shape, dtype=bool) for shape in TOPOLOGY.shapes)
    target = Target(threshold=threshold)
    parts = choose(s, on, target, structure=structure, min_per_layer=count, keep_outputs=False)
    gone = {e for part in parts for e in ([part] if isinstance(part, Edge) else TOPOLOGY.edges_at(part))}
    assert alive(PruningPlan(threshold, structure=structure, min_per_layer=count), s) == set(ALL) - gone


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
    for layer in plan.ruled(old) if plan.thresholds else [None]:
        before, after = (p.threshold if layer is None else p.threshold_of(layer) for p in (plan, changed))
        taken = int((plan.candidates(old, layer) < before).sum())
        values = plan.candidates(new, layer)
        ties = int((values == values[taken]).sum()) if taken < len(values) else 0
        count = int((values < after).sum())
        assert count <= taken
        assert count == taken or taken - count < ties
    assert (changed.thresholds is None) == (plan.thresholds is None)


@given(plans(), scores())
def test_limit_is_the_largest_threshold_that_cuts_no_output(plan: PruningPlan, s: Scores) -> None:
    for layer in (None, *plan.ruled(s)):
        limit = threshold_limit(plan, s, layer=layer)
        steps = [*np.unique(plan.candidates(s, layer)), 2.0]
        fine = [t for t in steps if not cut_outputs(plan.at(float(t), layer, scores=s).masks(s))]
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
    [
        {"threshold": float("inf")},
        {"threshold": float("nan")},
        {"thresholds": (0.0, float("inf"))},
        {"min_per_layer": -1},
        {"structure": "layer"},
        {"compensate": "magic"},
    ],
)
def test_plan_refuses_what_it_cannot_mean(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options)).removesuffix("s")):
        PruningPlan(**options)  # type: ignore[arg-type]
