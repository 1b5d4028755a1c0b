"""Hard-concrete gates: the distribution, the ordinary network that comes out, and a clean end whatever happens."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kan_widget import KAN, Session, create_dataset
from kan_widget.core.log import Log
from kan_widget.nn.gates import Gates
from kan_widget.nn.network import Network
from kan_widget.nn.training import FitResult
from tests.nn import oracle

DATA = create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), train_num=200, test_num=50)
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
GATED: dict[str, Any] = {"reg_metric": "l0", "lamb": 0.01, "progress": False}
ADAM: dict[str, Any] = GATED | {"opt": "Adam", "lr": 0.05}


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def state(model: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def rmse(model: Network, part: str = "train") -> float:
    with torch.no_grad():
        return float((model(DATA[f"{part}_input"]) - DATA[f"{part}_label"]).square().mean().sqrt())


def spread_out(gates: Gates, seed: int = 0) -> None:
    """Alphas from firmly closed to fully open."""
    generator = torch.Generator().manual_seed(seed)
    for learnt in gates.learnt:
        alpha = torch.rand(learnt.shape, generator=generator, dtype=torch.float64) * 8 - 4
        learnt.data.copy_(alpha / 10)


def gate(alpha: Any) -> Any:
    """Louizos et al. (2018), equation 13."""
    return np.clip(1 / (1 + np.exp(-np.asarray(alpha))) * 1.2 - 0.1, 0, 1)


def random_network(dtype: torch.dtype, seed: int) -> Network:
    model = Network([3, 4, 3, 2], seed=seed, dtype=dtype, noise_scale=2.0)
    masks, fills = oracle.random_masks(model, 0.2, seed)
    model.set_masks(masks, fills)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.layers:
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator))
    return model


def points(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    return (torch.rand(rows, columns, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1).to(
        dtype
    )


def test_drawn_gates_are_hard_concrete() -> None:
    gates = Gates(Network([40, 50], seed=0, dtype=torch.float64))
    spread_out(gates)
    uniform = torch.rand(50, 40, generator=torch.Generator().manual_seed(3), dtype=torch.float64).numpy()
    (drawn,) = gates.drawn([torch.tensor(uniform)])
    alpha = 10 * gates.learnt[0].detach().numpy()
    expected = gate((np.log(uniform) - np.log(1 - uniform) + alpha) / (2 / 3))
    np.testing.assert_allclose(drawn.detach().numpy(), expected, rtol=0, atol=1e-12)
    assert (drawn == 0).any()
    assert (drawn == 1).any()
    np.testing.assert_allclose(gates.settled()[0].numpy(), gate(alpha), rtol=0, atol=1e-12)


def test_expected_is_how_many_are_open_on_average() -> None:
    model = Network([6, 5], seed=0, dtype=torch.float64)
    model.layers[0].mask[2, 3] = False
    gates = Gates(model)
    spread_out(gates)
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(4000, 5, 6, generator=generator, dtype=torch.float64)
    opened = [int(((z > 0) & model.layers[0].mask).sum()) for u in draws for z in gates.drawn([u])]
    error = np.std(opened) / math.sqrt(len(opened))
    assert abs(np.mean(opened) - gates.expected().item()) < 4 * error
    assert 5 < np.mean(opened) < 24


def test_gates_have_the_right_gradients() -> None:
    gates = Gates(Network([2, 3], seed=0, dtype=torch.float64))
    spread_out(gates)
    noise = [torch.rand(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)]

    def price(learnt: Tensor) -> tuple[Tensor, Tensor]:
        gates.learnt = [learnt]
        return gates.expected(), gates.drawn(noise)[0]

    assert torch.autograd.gradcheck(price, gates.learnt[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_the_folded_network_computes_what_the_gated_one_does(dtype: torch.dtype, seed: int) -> None:
    """Against every edge evaluated for itself in float64, its mean taken and its departure scaled."""
    model = random_network(dtype, seed)
    before = state(model)
    x = points(300, 3, dtype)
    gates = Gates(model)
    spread_out(gates, seed)
    folded = gates.folded(x)
    assert same(state(model), before)

    twin = model.copy().double()
    values, counts = x.double().T.contiguous(), [0, 0, 0]
    for layer, other, learnt in zip(twin.layers, folded.layers, gates.learnt, strict=True):
        z = torch.tensor(gate(10 * learnt.detach().double().numpy()))
        edges = layer.edge_values(values)
        means = edges.mean(-1, keepdim=True)
        gated = means + z.unsqueeze(-1) * (edges - means)
        on = layer.mask.unsqueeze(-1)
        values = layer.bias.unsqueeze(1) + torch.where(on, gated, layer.fill.unsqueeze(-1)).sum(1)
        closed = layer.mask & (z == 0)
        assert torch.equal(other.mask, layer.mask & ~closed)
        torch.testing.assert_close(
            other.fill[closed].double(), means.squeeze(-1)[closed], rtol=0, atol=TOLERANCE[dtype]
        )
        for part, kinds in enumerate((closed, (z > 0) & (z < 1) & layer.mask, (z == 1) & layer.mask)):
            counts[part] += int(kinds.sum())
    assert min(counts) > 0
    scale = values.abs().max().item()
    torch.testing.assert_close(folded(x).double(), values.T, rtol=0, atol=TOLERANCE[dtype] * max(1, scale))


def test_edges_pruned_before_stay_bit_for_bit() -> None:
    model = random_network(torch.float32, 0)
    gates = Gates(model)
    spread_out(gates)
    folded = gates.folded(points(50, 3, torch.float32))
    for old, new in zip(model.layers, folded.layers, strict=True):
        off = ~old.mask
        assert off.any()
        assert not new.mask[off].any()
        for name in ("coef", "scale_base", "scale_spline", "fill"):
            assert torch.equal(getattr(old, name)[off], getattr(new, name)[off])


def widest(strength: list[np.ndarray], masks: list[np.ndarray], output: int) -> list[tuple[int, int, int]] | None:
    """The path to an output whose weakest edge is the strongest, of all that there are."""
    found: tuple[float, list[tuple[int, int, int]]] = (-math.inf, [])
    for nodes in itertools.product(*(range(m.shape[1]) for m in masks)):
        path = list(zip(range(len(masks)), nodes, (*nodes[1:], output), strict=True))
        if all(masks[n][target, source] for n, source, target in path):
            found = max(found, (min(strength[n][target, source] for n, source, target in path), path))
    return found[1] or None


@pytest.mark.parametrize("seed", range(5))
def test_an_output_that_would_be_cut_off_keeps_its_widest_path(seed: int) -> None:
    model = random_network(torch.float64, seed)
    model.layers[-1].mask[0, :] = False  # an output given up before
    gates = Gates(model)
    generator = torch.Generator().manual_seed(seed)
    for learnt in gates.learnt:
        learnt.data.copy_(-0.3 - torch.rand(learnt.shape, generator=generator, dtype=torch.float64))
    masks = [layer.mask.numpy() for layer in model.layers]
    path = widest([learnt.detach().numpy() for learnt in gates.learnt], masks, 1)
    assert path is not None
    folded = gates.folded(points(50, 3, torch.float64))
    on = [(n, s, t) for n, layer in enumerate(folded.layers) for t, s in layer.mask.nonzero().tolist()]
    assert on == path
    for n, source, target in path:
        alpha = 10 * gates.learnt[n][target, source].item()
        scale = folded.layers[n].scale_base[target, source] / model.layers[n].scale_base[target, source]
        assert scale.item() == pytest.approx(1 / (1 + math.exp(-alpha)), rel=1e-9)


def test_a_path_that_is_open_is_enough() -> None:
    model = Network([2, 2, 1], seed=0)
    gates = Gates(model)
    for learnt in gates.learnt:
        learnt.data.fill_(-1.0)
    for n, target, source in ((0, 1, 0), (1, 0, 1)):
        gates.learnt[n].data[target, source] = 1.0
    masks = [layer.mask.tolist() for layer in gates.folded(DATA["train_input"]).layers]
    assert masks == [[[False, False], [True, False]], [[False, True]]]


@pytest.mark.parametrize(
    "options",
    [{"steps": 12, "lamb": 0.03}, {"steps": 200, "opt": "Adam", "lr": 0.03, "batch": 100, "lamb": 0.02}],
    ids=["LBFGS", "Adam"],
)
def test_training_with_gates_prunes_and_leaves_an_ordinary_network(options: dict[str, Any]) -> None:
    model = Network([2, 5, 1], seed=3)
    result = model.fit(DATA, **GATED | options)
    edges = sum(int(layer.mask.sum()) for layer in model.layers)
    assert 3 <= edges <= 12
    assert result.reg[-1] < 14
    label = DATA["test_label"].std().item()
    assert rmse(model, "test") < 0.3 * label
    if "batch" not in options:  # where means are over the rows that the loss is over
        assert result.train_loss[-1] == pytest.approx(rmse(model), rel=1e-4)
        assert result.test_loss[-1] == pytest.approx(rmse(model, "test"), rel=1e-4)
    x = points(100, 2, torch.float32)
    torch.testing.assert_close(model.compact()(x), model(x), rtol=0, atol=1e-4)
    again = model.fit(DATA, steps=5, progress=False)
    assert again.train_loss[-1] < result.train_loss[-1]


def test_a_useless_input_is_given_up() -> None:
    x = points(300, 3, torch.float32)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:2] ** 2
    model = Network([3, 1], seed=0)
    model.fit((x, y), **GATED, steps=15)
    assert model.layers[0].mask.tolist() == [[True, True, False]]


def test_with_gates_same_seed_same_bits() -> None:
    models = [Network([2, 3, 1], seed=seed) for seed in (0, 0, 1)]
    for model in models:
        model.fit(DATA, **ADAM, steps=40)
    assert same(state(models[0]), state(models[1]))
    assert not same(state(models[0]), state(models[2]))


@pytest.mark.parametrize("opt", ["LBFGS", "Adam"])
def test_noise_is_drawn_once_a_step(opt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def look(self: Any, closure: Any) -> None:
        seen.extend([closure().item(), closure().item()])

    monkeypatch.setattr(getattr(torch.optim, opt), "step", look)
    Network([2, 3, 1], seed=0).fit(DATA, **GATED, opt=opt, steps=3, update_grid=False)
    first, again = seen[::2], seen[1::2]
    assert first == again
    assert len(set(first)) == 3


def test_without_a_price_there_are_no_gates() -> None:
    one, two = Network([2, 3, 1], seed=0), Network([2, 3, 1], seed=0)
    one.fit(DATA, steps=2, progress=False)
    two.fit(DATA, steps=2, progress=False, reg_metric="l0")
    assert same(state(one), state(two))


def test_interrupted_gates_leave_the_best_step() -> None:
    model = Network([2, 3, 1], seed=0)
    losses: list[float] = []

    def callback(step: int, result: FitResult) -> None:
        losses.append(result.train_loss[-1] ** 2 + 0.01 * result.reg[-1])
        if step == 2:
            with torch.no_grad():
                model.layers[0].coef.add_(100.0)
        if step == 4:
            raise KeyboardInterrupt

    result = model.fit(DATA, **GATED, steps=9, callback=callback, update_grid=False)
    assert result.stopped == "interrupted"
    best = losses.index(min(losses))
    assert best < 3
    assert rmse(model) == pytest.approx(result.train_loss[best], rel=1e-4)


def test_gates_stopped_by_the_callback_leave_the_last_step() -> None:
    model = Network([2, 5, 1], seed=0)
    result = model.fit(DATA, **ADAM, steps=90, callback=lambda step, _: step < 49)
    assert result.stopped == "callback"
    assert len(result.train_loss) == 50
    assert rmse(model) == pytest.approx(result.train_loss[-1], rel=1e-4)
    assert not model.layers[0].mask.all()


def test_an_error_in_a_callback_leaves_an_ordinary_network_too() -> None:
    model = Network([2, 5, 1], seed=0)
    last: list[float] = []

    def callback(step: int, result: FitResult) -> None:
        last.append(result.train_loss[-1])
        if step == 49:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.fit(DATA, **ADAM, steps=90, callback=callback)
    assert rmse(model) == pytest.approx(last[-1], rel=1e-4)
    assert not model.layers[0].mask.all()


def test_gates_that_diverge_leave_finite_parameters() -> None:
    model = Network([2, 3, 1], seed=0)
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        model.fit(DATA, **GATED, steps=30, opt="Adam", lr=1e30)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert torch.isfinite(model(DATA["test_input"])).all()


def test_edges_pruned_from_the_callback_stay_as_they_were() -> None:
    model = Network([2, 5, 1], seed=0)
    kept: list[Tensor] = []

    def callback(step: int, _: FitResult) -> None:
        if step == 20:
            model.layers[0].mask[1, 0] = False
            kept.append(model.layers[0].coef[1, 0].detach().clone())

    model.fit(DATA, **ADAM, steps=40, callback=callback, update_grid=False)
    assert torch.equal(model.layers[0].coef[1, 0], kept[0])
    assert not model.layers[0].mask[1, 0]


def test_a_session_undoes_gates_and_its_log_does_them_again() -> None:
    model = KAN([2, 5, 1], seed=0)
    fresh = state(model)
    session = Session(model, DATA)
    session.fit(**ADAM, steps=60, edge_dropout=0.1)
    after = state(model)
    assert not model.layers[0].mask.all()
    log = Log.from_json(session.log().to_json())
    session.undo()
    assert same(state(model), fresh)
    session.redo()
    assert same(state(model), after)
    other = KAN([2, 5, 1], seed=0)
    Session(other, DATA).replay(log)
    assert same(state(other), after)
