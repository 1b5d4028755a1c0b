"""Invariants of a session over random networks and random sequences of commands."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kan_widget import KAN, Session


def network(width: list[int], seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[KAN, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    model = KAN(width, grid=3, k=2, seed=seed, dtype=dtype)
    x = torch.rand(40, width[0], generator=generator, dtype=dtype) * 2 - 1
    y = torch.rand(40, width[-1], generator=generator, dtype=dtype)
    return model, x, y


def bits(model: KAN) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


# Random networks and random commands


@st.composite
def commands(draw: st.DrawFn) -> tuple[list[int], int, list[tuple[str, Any]]]:
    width = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))

    def edge() -> st.SearchStrategy[tuple[int, int, int]]:
        return st.integers(0, len(width) - 2).flatmap(
            lambda n: st.tuples(st.just(n), st.integers(0, width[n] - 1), st.integers(0, width[n + 1] - 1))
        )

    def node() -> st.SearchStrategy[tuple[int, int]]:
        return st.integers(0, len(width) - 1).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, width[n] - 1)))

    command = st.one_of(
        st.tuples(st.sampled_from(["prune", "restore", "keep"]), st.lists(edge(), min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["prune_node", "restore_node"]), node()),
        st.tuples(st.just("set_threshold"), st.floats(0, 1)),
        st.tuples(st.just("set_sparsity"), st.floats(0, 1)),
        st.tuples(st.just("set_threshold_of"), st.tuples(st.floats(0, 1), st.integers(0, 2))),
        st.tuples(st.just("set_min_per_layer"), st.integers(0, 9)),
        st.tuples(st.just("set_criterion"), st.sampled_from(["l1", "std", "attribution"])),
        st.tuples(st.just("set_structure"), st.sampled_from(["edge", "node", "input"])),
        st.tuples(st.just("set_compensate"), st.sampled_from(["mean", "none", "gain_bias", "least_squares"])),
        st.tuples(st.sampled_from(["undo", "redo", "reset", "refresh"]), st.none()),
    )
    return width, draw(st.integers(0, 99)), draw(st.lists(command, max_size=12))


def run(session: Session, name: str, value: Any) -> bool:
    """Do one command; False if the session refused it."""
    calls: dict[str, Callable[[], Any]] = {
        "prune_node": lambda: session.prune(nodes=[value]),
        "restore_node": lambda: session.restore(nodes=[value]),
        "set_threshold_of": lambda: session.set_threshold(*value),
    }
    plain = (lambda: getattr(session, name)()) if value is None else (lambda: getattr(session, name)(value))
    try:
        calls.get(name, plain)()
    except ValueError:
        return False
    return True


@given(commands())
@settings(max_examples=60)
def test_any_sequence_can_be_undone_to_the_same_bits(case: tuple[list[int], int, list[tuple[str, Any]]]) -> None:
    width, seed, steps = case
    model, x, y = network(width, seed)
    start = bits(model)
    session = Session(model, (x, y))
    assert same(bits(model), start)
    trail = [start]
    for name, value in steps:
        before, revision = bits(model), session.revision
        ok = run(session, name, value)
        if not ok:
            assert same(bits(model), before)
            assert session.revision == revision
        elif name == "undo":
            trail.pop()
            assert same(bits(model), trail[-1])
        elif name == "redo":
            trail.append(bits(model))
        elif session.revision != revision:
            trail.append(bits(model))
        masks = [layer.mask.numpy() for layer in model.layers]
        assert all(np.array_equal(a, b) for a, b in zip(masks, session.masks, strict=True))
    while session.history.undo_label is not None:
        session.undo()
        trail.pop()
        assert same(bits(model), trail[-1])
    assert len(trail) == 1


@given(commands())
@settings(max_examples=40)
def test_compact_computes_the_same(case: tuple[list[int], int, list[tuple[str, Any]]]) -> None:
    width, seed, steps = case
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model, x, y = network(width, seed, dtype)
        session = Session(model, (x, y))
        for name, value in steps:
            run(session, name, value)
        before = bits(model)
        with torch.no_grad():
            try:
                small = session.compact()
            except ValueError:
                assert not any(live.any() for live in session.live[1:-1]) or not session.live[0].any()
                continue
            assert torch.allclose(small(x), model(x), rtol=tolerance, atol=tolerance)
        assert same(bits(model), before)
        edges = sum(int(layer.mask.sum()) for layer in small.layers)
        assert edges == sum(int(a.sum()) for a in session.active)


@given(st.lists(st.floats(0, 1.5), min_size=2, max_size=8), st.sampled_from(["edge", "node", "input"]))
@settings(max_examples=25)
def test_threshold_sweep_is_monotone(levels: list[float], structure: str) -> None:
    model, x, y = network([3, 4, 2], 1)
    session = Session(model, (x, y), structure=structure)
    left = []
    for level in sorted(levels):
        if run(session, "set_threshold", level):
            left.append([layer.mask.clone() for layer in model.layers])
    for wide, narrow in itertools.pairwise(left):
        assert all(bool((a | ~b).all()) for a, b in zip(wide, narrow, strict=True))


# Layer by layer


def test_threshold_of_one_layer_leaves_the_others_where_they_were() -> None:
    model, x, y = network([3, 4, 2], 1)
    session = Session(model, (x, y))
    low, high = (float(np.quantile(edges, 0.4)) for edges in session.scores.edges)
    weakest = float(np.nextafter(min(edges.min() for edges in session.scores.edges), 1))
    session.set_threshold(weakest)
    session.set_threshold(low, layer=0)
    assert session.thresholds == (low, weakest)
    session.set_threshold(high, layer=1)
    assert session.thresholds == (low, high)
    assert session.threshold == weakest
    expected = [edges >= limit for edges, limit in zip(session.scores.edges, (low, high), strict=True)]
    assert all(np.array_equal(layer.mask, mask) for layer, mask in zip(model.layers, expected, strict=True))
    assert session.undo() == f"threshold {high:.3g} in layer 1"
    assert session.thresholds == (low, weakest)
    session.set_threshold(weakest)
    assert session.thresholds is None
    assert all(
        np.array_equal(layer.mask, edges >= weakest)
        for layer, edges in zip(model.layers, session.scores.edges, strict=True)
    )


@pytest.mark.parametrize(("structure", "layers"), [("edge", [0, 1, 2]), ("node", [1, 2]), ("input", [0])])
def test_layers_are_those_that_the_rule_looks_at(structure: str, layers: list[int]) -> None:
    model, x, y = network([3, 4, 3, 2], 1)
    session = Session(model, (x, y), structure=structure)
    assert list(session.threshold_limits) == layers
    for layer, limit in session.threshold_limits.items():
        assert limit is not None
        session.set_threshold(limit, layer=layer)
        with pytest.raises(ValueError, match=f"the largest threshold that does not is {limit:.3g}"):
            session.set_threshold(float(np.nextafter(limit, np.inf)), layer=layer)
        session.undo()
    assert set(session.threshold_limits) == set(layers)


def test_floor_leaves_the_strongest_of_each_layer() -> None:
    model, x, y = network([3, 4, 2], 1)
    session = Session(model, (x, y))
    session.set_min_per_layer(6)
    session.set_threshold(1e6)
    for layer, edges in zip(model.layers, session.scores.edges, strict=True):
        assert np.array_equal(layer.mask, edges >= np.sort(edges, axis=None)[-6])
    strongest = divmod(int(session.scores.edges[0].argmax()), 3)
    session.prune([(0, strongest[1], strongest[0])])
    assert int(model.layers[0].mask.sum()) == 5
    session.set_structure("node")
    assert session.min_per_layer == 0
    assert int(model.layers[0].mask.sum()) == 5


def test_criterion_and_structure_take_thresholds_by_layer_along_or_start_anew() -> None:
    model, x, y = network([3, 4, 2], 1)
    session = Session(model, (x, y))
    session.set_threshold(float(np.quantile(session.scores.edges[0], 0.3)), layer=0)
    taken = [int(mask.sum()) for mask in session.masks]
    session.set_criterion("std")
    assert [int(mask.sum()) for mask in session.masks] == taken
    assert session.thresholds is not None
    session.refresh()
    assert session.thresholds is None
    session.undo()
    session.set_structure("node")
    assert session.thresholds is None
    assert [int(mask.sum()) for mask in session.masks] == taken


# What pruning leaves behind


def test_pruning_a_constant_edge_moves_no_output() -> None:
    model, x, y = network([2, 3, 1])
    with torch.no_grad():
        layer = model.layers[0]
        layer.scale_base[1, 0] = 0
        layer.coef[1, 0] = 2.5  # bases sum to one on the grid, so the spline is 2.5 there
        expected = model(x)
        Session(model, (x, y)).prune([(0, 0, 1)])
        assert not layer.mask[1, 0]
        assert torch.allclose(model(x), expected, atol=1e-12)
        assert abs(layer.fill[1, 0].item()) > 0.1


def test_pruned_edge_leaves_its_mean_or_nothing() -> None:
    model, x, y = network([2, 1])
    phi = model.layers[0].edge_values(x.T.contiguous())[0, 0]
    session = Session(model, (x, y))
    session.prune([(0, 0, 0)])
    assert model.layers[0].fill[0, 0].item() == pytest.approx(phi.mean().item())
    session.set_compensate("none")
    assert model.layers[0].fill[0, 0].item() == 0


def test_compensation_by_mean_beats_none_on_a_trained_network() -> None:
    model, x, _ = network([2, 5, 1])
    y = torch.exp(x[:, [0]]) + 1
    model.fit((x, y), steps=10, lamb=0.01, progress=False)
    errors = {}
    for compensate in ("mean", "none"):
        session = Session(model.copy(), (x, y), compensate=compensate)
        session.set_sparsity(0.2)
        errors[compensate] = session.metrics.quality["train"].loss
    assert errors["mean"] < errors["none"]


@pytest.mark.parametrize("kind", ["gain_bias", "least_squares"])
def test_refitting_beats_means_and_is_undone_to_the_same_bits(kind: str) -> None:
    model, x, _ = network([2, 5, 1])
    y = torch.exp(x[:, [0]]) + torch.sin(3 * x[:, [1]])
    model.fit((x, y), steps=10, progress=False)
    start = bits(model)
    errors = {}
    with torch.no_grad():
        dense = model(x)
    for compensate in ("mean", kind):
        twin = model.copy()
        session = Session(twin, (x.repeat(4, 1), y.repeat(4, 1)), compensate=compensate, criterion="leave_one_out")
        session.set_sparsity(0.4)
        with torch.no_grad():
            errors[compensate] = float((twin(x) - dense).square().mean())
        if compensate == kind:
            assert not same(bits(twin), start)
            session.set_compensate("mean")
            with torch.no_grad():
                assert float((twin(x) - dense).square().mean()) == pytest.approx(errors["mean"])
            session.undo()
            with torch.no_grad():
                assert float((twin(x) - dense).square().mean()) == errors[kind]
            session.undo()
            assert same(bits(twin), start)
    assert errors[kind] < 0.7 * errors["mean"]


def test_refit_leaves_coefficients_that_can_be_trained_on() -> None:
    model, x, y = network([2, 4, 1])
    with torch.no_grad():
        model.layers[0].scale_spline[:2] *= 1e-5  # as a penalty may leave it
        model.layers[0].coef[:2] *= 1e5
    session = Session(model, (x.repeat(4, 1), y.repeat(4, 1)), compensate="least_squares")
    with torch.no_grad():
        before = model(x)
    session.prune([(0, 0, 0), (0, 1, 1)])
    mask = model.layers[0].mask
    assert float(model.layers[0].coef[mask].detach().abs().max()) < 100
    result = session.fit(opt="Adam", lr=3e-3, steps=1, progress=False)
    with torch.no_grad():
        assert float((model(x) - before).abs().max()) < 1
    assert result.train_loss[0] < 1


def test_refit_with_too_few_rows_says_so_and_keeps_means() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x[:6], y[:6]), compensate="least_squares")
    coef = model.layers[0].coef.clone()
    session.prune([(0, 0, 0)])
    assert "as many unknowns as there are rows" in session.remark
    assert torch.equal(model.layers[0].coef, coef)
    session.undo()
    session.set_compensate("mean")
    assert session.remark == ""


def test_refit_leaves_a_network_alone_from_which_nothing_is_pruned() -> None:
    model, x, y = network([2, 3, 1])
    before = bits(model)
    Session(model, (x, y)).set_compensate("least_squares")
    assert same(bits(model), before)


@pytest.mark.parametrize("compensate", ["mean", "least_squares"])
def test_cut_while_the_session_trains_leaves_the_weights_to_the_trainer(compensate: str) -> None:
    model, x, y = network([2, 4, 1])
    session = Session(model, (x.repeat(3, 1), y.repeat(3, 1)), compensate=compensate)
    session.prune([(0, 0, 0)])
    before = bits(model)
    seen: list[Tensor] = []

    def click(step: int, _result: Any) -> None:
        if step == 2:
            trained = model.layers[0].coef.detach().clone()
            session.prune([(0, 1, 2)])
            seen.extend([trained, model.layers[0].coef.detach().clone()])

    session.fit(opt="Adam", lr=0.01, steps=5, progress=False, callback=click)
    assert torch.equal(*seen)
    assert not torch.equal(seen[0], before["layers.0.coef"])
    assert not model.layers[0].mask[2, 1]
    assert session.undo() == "fit"
    session.undo()
    assert same(bits(model), before)


# Refusals


def test_cutting_an_output_off_is_refused_with_the_limit() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    before = bits(model)
    with pytest.raises(ValueError, match=r"cut y off from every input; the largest threshold that does not is"):
        session.set_threshold(100)
    with pytest.raises(ValueError, match="cut y off"):
        session.prune(nodes=[(2, 0)])
    assert same(bits(model), before)
    limit = session.threshold_limit
    assert limit is not None
    session.set_threshold(limit)
    with pytest.raises(ValueError, match="cut y off"):
        session.set_threshold(np.nextafter(limit, 2 * limit))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s.set_threshold("low"), TypeError, "threshold must be a number"),
        (lambda s: s.set_threshold(float("nan")), ValueError, "finite"),
        (lambda s: s.set_threshold(-0.1), ValueError, "0 or more"),
        (
            lambda s: s.set_threshold(0.1, layer=2),
            ValueError,
            "layer must be one of 0, 1, where the rule looks at edges",
        ),
        (lambda s: s.set_threshold(0.1, layer=True), TypeError, "layer must be a whole number"),
        (lambda s: s.set_threshold(-0.1, layer=0), ValueError, "0 or more"),
        (lambda s: s.set_min_per_layer(-1), ValueError, "between 0 and 9"),
        (lambda s: s.set_min_per_layer(10), ValueError, "between 0 and 9"),
        (lambda s: s.set_min_per_layer(1.0), TypeError, "must be a whole number"),
        (lambda s: s.set_sparsity(2), ValueError, "between 0 and 1"),
        (lambda s: s.prune(), ValueError, "name the edges or nodes"),
        (lambda s: s.prune([(0, 0, 9)]), ValueError, "not in this network"),
        (lambda s: s.prune([(0, 0)]), TypeError, "an edge is"),
        (lambda s: s.prune(nodes=[(7, 0)]), ValueError, "node layers"),
        (lambda s: s.set_criterion("magic"), ValueError, "criterion must be one of l1, std, attribution"),
        (lambda s: s.set_structure("row"), ValueError, "structure must be one of"),
        (lambda s: s.set_compensate("all"), ValueError, "compensate must be one of"),
        (lambda s: s.undo(), ValueError, "nothing to undo"),
        (lambda s: s.redo(), ValueError, "nothing to redo"),
        (lambda s: s.jump(3), ValueError, "history has states"),
    ],
)
def test_bad_command_is_refused_and_changes_nothing(
    call: Callable[[Session], Any], error: type[Exception], words: str
) -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    before = bits(model)
    with pytest.raises(error, match=words):
        call(session)
    assert same(bits(model), before)
    assert session.revision == 0


def test_session_needs_a_kan_and_fitting_data() -> None:
    model, x, _ = network([2, 3, 1])
    with pytest.raises(TypeError, match="must be a KAN"):
        Session(torch.nn.Linear(2, 1), x)
    with pytest.raises(ValueError, match=r"must be \(rows, 2\)"):
        Session(model, x[:, :1])
    with pytest.raises(TypeError, match="must be a KAN"):
        Session(model.layers[0], x)


def test_failed_write_leaves_the_model_and_history_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    session.prune([(0, 0, 0)])
    before, steps = bits(model), len(session.history.steps)
    write = session.adapter.write_masks
    calls = []

    def break_once(*args: Any) -> None:
        calls.append(1)
        write(*args)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(session.adapter, "write_masks", break_once)
    with pytest.raises(KeyboardInterrupt):
        session.prune([(0, 1, 1)])
    assert same(bits(model), before)
    assert len(session.history.steps) == steps


# History and weights


def test_undo_takes_fine_tuning_back_bit_for_bit() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    session.prune([(0, 0, 0)])
    before = bits(model)
    session.fit(steps=3, progress=False)
    tuned = bits(model)
    assert not same(before, tuned)
    assert session.undo() == "fit"
    assert same(bits(model), before)
    session.redo()
    assert same(bits(model), tuned)


def test_undo_leaves_training_of_the_users_own_alone() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    session.prune([(0, 0, 0)])
    model.fit((x, y), steps=2, progress=False)
    coef = model.layers[0].coef.detach().clone()
    session.undo()
    assert torch.equal(model.layers[0].coef, coef)
    assert bool(model.layers[0].mask.all())
    session.redo()
    session.set_threshold(0.01)
    assert torch.equal(model.layers[0].coef, coef)


def test_refresh_revives_nothing_and_scores_anew() -> None:
    model, x, y = network([2, 4, 1])
    session = Session(model, (x, y))
    session.set_sparsity(0.2)
    masks = [m.copy() for m in session.masks]
    fills = [layer.fill.clone() for layer in model.layers]
    old = session.scores
    model.fit((x, y), steps=3, progress=False)
    session.refresh()
    assert all(np.array_equal(a, b) for a, b in zip(masks, session.masks, strict=True))
    for layer, fill in zip(model.layers, fills, strict=True):
        assert torch.equal(layer.fill[~layer.mask], fill[~layer.mask])
    assert not np.array_equal(old.edges[0], session.scores.edges[0])
    assert session.threshold == 0


def test_masks_that_a_model_comes_with_stay_with_their_fills() -> None:
    model, x, y = network([2, 3, 1])
    model.layers[0].mask[0, 0] = False
    model.layers[0].fill[0, 0] = 7.0
    before = bits(model)
    session = Session(model, (x, y))
    session.set_threshold(0.005)
    session.undo()
    assert same(bits(model), before)
    session.restore([(0, 0, 0)])
    assert bool(model.layers[0].mask[0, 0])


def test_reset_is_a_step_that_can_be_undone() -> None:
    model, x, y = network([2, 3, 1])
    start = bits(model)
    session = Session(model, (x, y))
    session.prune([(0, 0, 0)])
    session.set_criterion("std")
    pruned = bits(model)
    session.reset()
    assert same({k: v for k, v in bits(model).items() if "mask" in k}, {k: v for k, v in start.items() if "mask" in k})
    session.undo()
    assert same(bits(model), pruned)


def test_two_sessions_share_nothing() -> None:
    (model, x, y), (other, _, _) = network([2, 3, 1]), network([2, 3, 1])
    first, second = Session(model, (x, y)), Session(other, (x, y))
    before = bits(other)
    first.prune([(0, 0, 0)])
    first.set_threshold(0.01)
    assert same(bits(other), before)
    assert second.revision == 0
    assert second.history.undo_label is None


def test_edges_switched_off_outside_stay_off_and_can_be_undone() -> None:
    model, x, y = network([2, 4, 1])
    model.data = model.coerce((x, y))
    session = Session(model, (x, y))
    session.prune([(0, 1, 1)])
    inside = bits(model)
    model.remove_edge(0, 0, 0)
    outside = bits(model)
    session.prune([(0, 1, 3)])
    assert [int(m) for m in model.layers[0].mask[:, 0]] == [0, 1, 1, 1]
    assert [s.label for s in session.history.steps][2:] == ["changes from outside", "prune edge x2 to h4"]
    session.undo()
    assert same(bits(model), outside)
    session.undo()
    assert same(bits(model), inside)
    assert session.redo() == "changes from outside"
    model.layers[0].mask.fill_(True)
    assert session.undo() == "changes from outside"
    assert same(bits(model), outside)


def test_two_sessions_of_one_model_do_not_undo_each_other() -> None:
    model, x, y = network([2, 4, 1])
    first, second = Session(model, (x, y)), Session(model, (x, y))
    second.set_sparsity(0.5)
    left = sum(int(layer.mask.sum()) for layer in model.layers)
    edge = next(e for e in first.topology.edges() if model.layers[e.layer].mask[e.target, e.source] and e.layer == 0)
    first.prune([edge])
    assert sum(int(layer.mask.sum()) for layer in model.layers) == left - 1
    replayed, _, _ = network([2, 4, 1])
    again = Session(replayed, (x, y))
    again.replay(first.log())
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(model.layers, replayed.layers, strict=True))


def test_session_refuses_a_model_that_is_not_finite() -> None:
    model, x, y = network([2, 3, 1])
    with torch.no_grad():
        model.layers[0].coef[0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="parameters that are NaN"):
        Session(model, (x, y))


# Subscribers and threads


def test_subscriber_hears_each_change_until_it_ends() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    heard: list[int] = []
    end = session.subscribe(lambda: heard.append(session.revision))
    session.prune([(0, 0, 0)])
    session.set_threshold(0.0)  # changes nothing
    session.undo()
    end()
    session.redo()
    assert heard == [1, 2]


def test_failing_subscriber_does_not_undo_the_change(caplog: pytest.LogCaptureFixture) -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x, y))
    session.subscribe(lambda: 1 / 0)
    session.prune([(0, 0, 0)])
    assert not model.layers[0].mask[0, 0]
    assert "a subscriber failed" in caplog.text


def test_commands_from_many_threads_are_all_done_once() -> None:
    model, x, y = network([4, 6, 1])
    session = Session(model, (x, y))
    edges = [(0, i, j) for i in range(4) for j in range(5)]

    def prune(part: list[tuple[int, int, int]]) -> None:
        for edge in part:
            session.prune([edge])

    threads = [threading.Thread(target=prune, args=(edges[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.revision == len(edges) == len(session.history.steps) - 1
    assert int(model.layers[0].mask.sum()) == 4


def test_command_during_training_is_applied_between_steps() -> None:
    model, x, y = network([2, 4, 1])
    session = Session(model, (x, y))
    asked, done = threading.Event(), threading.Event()

    def click() -> None:
        asked.set()
        session.prune([(0, 1, 2)])
        done.set()

    thread = threading.Thread(target=click)

    def between(step: int, _result: Any) -> None:
        if step == 0:
            thread.start()
            asked.wait()
        masked = not bool(model.layers[0].mask[2, 1])
        assert masked == done.is_set() or step > 0

    model.fit((x, y), opt="Adam", lr=1e-3, steps=50, progress=False, callback=between)
    thread.join(timeout=10)
    assert done.is_set()
    assert not bool(model.layers[0].mask[2, 1])
    assert session.history.undo_label == "prune edge x2 to h3"


# Measurements


def test_metrics_are_of_the_masked_network_on_held_out_rows() -> None:
    model, x, y = network([2, 3, 1])
    session = Session(model, (x[:20], y[:20], x[20:], y[20:]))
    session.prune([(0, 0, 0)])
    with torch.no_grad():
        rmse = ((model(x[20:]) - y[20:]) ** 2).mean().sqrt().item()
    assert session.metrics.quality["test"].loss == pytest.approx(rmse)
    assert session.metrics.cost.edges == 8
    assert session.before.cost.edges == 9
    assert session.sparsity == pytest.approx(1 / 9)


def test_classes_are_measured_by_cross_entropy_and_accuracy() -> None:
    model, x, _ = network([2, 3, 3])
    labels = torch.arange(40) % 3
    quality = Session(model, (x, labels)).metrics.quality["train"]
    with torch.no_grad():
        outputs = model(x)
    assert quality.loss == pytest.approx(torch.nn.functional.cross_entropy(outputs, labels).item())
    assert quality.accuracy == pytest.approx((outputs.argmax(1) == labels).double().mean().item())


@pytest.mark.parametrize("compensate", ["none", "mean", "gain_bias", "least_squares"])
def test_foretold_quality_is_that_of_choosing_it(compensate: str) -> None:
    x = torch.rand(200, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1
    y = torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2
    model = KAN([2, 4, 1], grid=3, seed=1)
    model.fit((x, y), steps=5, progress=False)
    session = Session(model, (x[:150], y[:150], x[150:], y[150:]), criterion="std")
    session.set_sparsity(0.4)
    session.prune([(0, 0, 0)])
    before, revision = {k: v.clone() for k, v in model.state_dict().items()}, session.revision
    found = session.foretell(compensate)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert session.revision == revision
    session.set_compensate(compensate)
    assert found == session.metrics.quality


@pytest.mark.parametrize("compensate", ["mean", "least_squares"])
def test_foretold_quality_is_that_of_thresholds_by_layer_too(compensate: str) -> None:
    model, x, y = network([3, 4, 2], 1)
    session = Session(model, (x, y))
    session.set_threshold(float(np.median(session.scores.edges[0])), layer=0)
    session.set_min_per_layer(3)
    found = session.foretell(compensate)
    session.set_compensate(compensate)
    assert found == session.metrics.quality


def test_foretelling_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="compensate must be one of"):
        Session(KAN([2, 1], seed=0), torch.zeros(5, 2)).foretell("magic")
