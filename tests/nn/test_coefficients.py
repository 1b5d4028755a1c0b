"""Single coefficients: what each is worth, and that one that is off never comes back."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from kan_widget.nn import coefficients
from kan_widget.nn.coefficients import bases, basis_curvature, fit_masked, prune_coefficients
from kan_widget.nn.network import Network
from kan_widget.nn.removal import cross_entropy, squared_error
from kan_widget.nn.spline import fit_coef

X = torch.rand(150, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
Y = torch.stack([torch.sin(3 * X[:, 0]) + X[:, 1] ** 2, X[:, 1] * X[:, 2]], dim=1)
CLASSES = (Y[:, 0] > Y[:, 0].median()).long()


def network(width: list[int], **options: object) -> Network:
    model = Network(width, grid=3, seed=0, dtype=torch.float64, noise_scale=1.0, **options)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in model.layers:
            layer.scale_spline.mul_(
                torch.rand(layer.scale_spline.shape, generator=generator, dtype=torch.float64) + 0.5
            )
    return model


def some(model: Network, share: float = 0.2, seed: int = 0) -> list[Tensor]:
    """Masks that prune a share of the coefficients."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(layer.coef.shape, generator=generator) >= share for layer in model.layers]


def pruned(width: list[int], compensate: str = "mean", **options: object) -> tuple[Network, list[Tensor]]:
    model = network(width, **options)
    masks = some(model)
    prune_coefficients(model, masks, X[:, : width[0]], compensate)
    return model, masks


def assert_off(model: Network, masks: list[Tensor]) -> None:
    for layer, mask in zip(model.layers, masks, strict=True):
        assert layer.coef_mask is not None
        assert torch.equal(layer.coef_mask, mask)
        assert bool((layer.coef[~mask] == 0).all())
        assert bool((layer.weight(masked=False)[:, :-1].transpose(1, 2)[~mask] == 0).all())


def without(model: Network, index: int, place: tuple[int, int, int], share: float = 1.0) -> Network:
    """By hand: a coefficient less `share` of it, which stays in the bias as its mean."""
    values = model.input_nodes(X)
    for layer in model.layers[:index]:
        values = layer.transform(values)
    target, source, m = place
    twin = model.copy()
    layer = twin.layers[index]
    knots = layer.grid[source].numpy()
    with torch.no_grad():
        element = BSpline.basis_element(knots[m : m + layer.k + 2], extrapolate=False)
        mean = np.nan_to_num(element(values[source].detach().numpy())).mean()
        layer.bias[target] += share * float(layer.scale_spline[target, source] * layer.coef[place]) * mean
        layer.coef[place] *= 1 - share
    return twin


def places(model: Network) -> list[tuple[int, tuple[int, int, int]]]:
    """A few coefficients of each layer."""
    return [
        (index, (t, s, m))
        for index, layer in enumerate(model.layers)
        for t, s, m in np.ndindex(*layer.coef.shape)
        if (t + s + m) % 3 == 0
    ]


def test_a_function_is_flattened_near_one_knot_only() -> None:
    model = network([1, 1])
    before, layer, m = model.copy().layers[0], model.layers[0], 3
    mask = torch.ones(1, 1, 6, dtype=torch.bool)
    mask[0, 0, m] = False
    x = torch.linspace(-1.5, 1.5, 301, dtype=torch.float64)[None]
    prune_coefficients(model, [mask], x.T, "none")
    change = (layer.edge_values(x) - before.edge_values(x))[0, 0].numpy()
    knots = layer.grid[0].numpy()[m : m + 5]
    bump = np.nan_to_num(BSpline.basis_element(knots, extrapolate=False)(x[0].numpy()))
    weight = float((before.coef[0, 0, m] * before.scale_spline[0, 0]).detach())
    np.testing.assert_allclose(change, -weight * bump, atol=1e-12)
    outside = (x[0].numpy() < knots[0]) | (x[0].numpy() > knots[-1])
    assert outside.any()
    assert (change[outside] == 0).all()
    assert float(layer.bias) == 0


def test_the_moments_are_those_of_the_basis_functions() -> None:
    found = bases(network([3, 2, 2]), X)
    knots = network([3, 2, 2]).layers[0].grid.numpy()
    for source in range(3):
        for m in range(6):
            values = BSpline.basis_element(knots[source, m : m + 5], extrapolate=False)(X[:, source].numpy())
            values = np.nan_to_num(values)
            assert found.mean[0][source, m] == pytest.approx(values.mean(), abs=1e-12)
            assert found.std[0][source, m] == pytest.approx(values.std(ddof=1), abs=1e-12)


def test_second_order_is_the_change_of_the_loss_of_a_single_layer() -> None:
    """The squared loss is quadratic in what a single layer puts out, so nothing is left out."""
    model = network([3, 2])
    found = basis_curvature(model, X, squared_error(Y), bases(model, X).mean, classes=False)
    with torch.no_grad():
        base = (model(X) - Y).square().mean()
        for place in np.ndindex(2, 3, 6):
            change = (without(model, 0, place)(X) - Y).square().mean() - base
            predicted = found.gauss_newton[0][place] / 2 - found.first[0][place]
            assert float(predicted) == pytest.approx(float(change), abs=1e-12)


@pytest.mark.parametrize("classes", [False, True])
def test_first_order_and_curvature_are_those_of_the_loss_by_finite_differences(classes: bool) -> None:
    model = network([3, 3, 2])
    row_loss = cross_entropy(CLASSES) if classes else squared_error(Y)
    found = basis_curvature(model, X, row_loss, bases(model, X).mean, classes=classes)
    step = 1e-3
    with torch.no_grad():
        for index, place in places(model):
            low, middle, high = (float(row_loss(without(model, index, place, s)(X)).mean()) for s in (-step, 0.0, step))
            assert -float(found.first[index][place]) == pytest.approx((high - low) / (2 * step), abs=1e-7)
            if index == 1:  # below it the network's own curvature is left out
                bend = (high - 2 * middle + low) / step**2
                assert float(found.gauss_newton[index][place]) == pytest.approx(bend, rel=1e-3, abs=1e-6)


def test_fisher_is_the_mean_squared_change_of_each_row_by_a_gate() -> None:
    model = network([3, 3, 2])
    found = basis_curvature(model, X, squared_error(Y), bases(model, X).mean, classes=False)
    step, loss = 1e-4, squared_error(Y)
    with torch.no_grad():
        for index, place in places(model)[::3]:
            low, high = (loss(without(model, index, place, s)(X)) for s in (-step, step))
            expected = ((high - low) / (2 * step)).square().mean()
            assert float(found.fisher[index][place]) == pytest.approx(float(expected), rel=1e-5, abs=1e-12)


def test_rows_may_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network([3, 3, 2])

    def measured() -> list[Tensor]:
        found = bases(model, X)
        moments = basis_curvature(model, X, squared_error(Y), found.mean, classes=False)
        return [tensor for columns in (*found, *moments) for tensor in columns]

    whole = measured()
    monkeypatch.setattr(coefficients, "_ELEMENTS", 200)  # 11 rows at a time
    for one, two in zip(whole, measured(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-14)


def test_what_went_on_average_stays_in_the_bias() -> None:
    model = network([3, 2])
    mean = model(X).mean(0).detach()
    masks = some(model, 0.4)
    prune_coefficients(model, masks, X, "mean")
    assert_off(model, masks)
    torch.testing.assert_close(model(X).mean(0).detach(), mean, rtol=0, atol=1e-12)
    assert not model.layers[0].bias.requires_grad
    again = model.layers[0].bias.clone()
    prune_coefficients(model, masks, X, "mean")  # nothing more goes, so nothing more is left behind
    assert torch.equal(model.layers[0].bias, again)


def test_a_pruned_edge_has_nothing_more_to_leave() -> None:
    model = network([3, 2])
    model.layers[0].mask[0, 1] = False
    before = model(X).detach()
    mask = torch.ones_like(model.layers[0].coef, dtype=torch.bool)
    mask[0, 1] = False
    prune_coefficients(model, [mask], X, "mean")
    assert torch.equal(model(X).detach(), before)


@pytest.mark.parametrize(
    "options",
    [
        {"opt": "LBFGS", "steps": 4, "lamb": 0.01},
        {"opt": "LBFGS", "steps": 4, "update_grid": False},
        {"opt": "Adam", "steps": 20, "lr": 0.05, "lamb": 0.01, "lamb_coef": 1.0, "reg_metric": "paper"},
        {"opt": "Adam", "steps": 20, "lr": 0.05, "batch": 20, "update_grid": False},
    ],
)
def test_training_brings_nothing_back(options: dict[str, object]) -> None:
    model, masks = pruned([3, 3, 2])
    before = [layer.coef.detach().clone() for layer in model.layers]
    model.fit((X, Y), progress=False, **options)
    assert_off(model, masks)
    for layer, old, mask in zip(model.layers, before, masks, strict=True):
        assert bool((layer.coef.detach() != old)[mask].any())


def test_an_optimiser_that_has_momentum_moves_nothing_that_acts() -> None:
    model = network([3, 3, 2])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=0.1)

    def step() -> None:
        optimizer.zero_grad()
        (model(X) - Y).square().mean().backward()
        optimizer.step()

    step()
    masks = some(model)
    prune_coefficients(model, masks, X, "mean")
    before = [layer.masked_coef().detach().clone() for layer in model.layers]
    for _ in range(5):
        step()
    for layer, mask, old in zip(model.layers, masks, before, strict=True):
        assert layer.coef.grad is not None
        assert bool((layer.coef.grad[~mask] == 0).all())
        assert bool((layer.masked_coef()[~mask] == 0).all())
        assert bool((layer.weight()[:, :-1].transpose(1, 2)[~mask] == 0).all())
        assert not torch.equal(layer.masked_coef(), old)


def test_gradients_of_a_masked_layer_are_right_twice() -> None:
    model, _ = pruned([3, 2])
    layer = model.layers[0]

    def outputs(coef: Tensor, scale: Tensor) -> Tensor:
        named = {"coef": coef, "scale_spline": scale}
        return torch.func.functional_call(layer, named, (X[:7],))

    inputs = (layer.coef.detach().requires_grad_(), layer.scale_spline.detach().requires_grad_())
    assert torch.autograd.gradcheck(outputs, inputs)
    assert torch.autograd.gradgradcheck(outputs, inputs)


def test_the_mask_goes_where_the_model_goes(tmp_path: Path) -> None:
    model, masks = pruned([3, 3, 2])
    outputs = model(X)
    model.save(tmp_path / "model")
    fresh = network([3, 3, 2])
    fresh.load_state_dict(model.state_dict())
    for twin in (model.copy(), pickle.loads(pickle.dumps(model)), Network.load(tmp_path / "model"), fresh):
        assert_off(twin, masks)
        assert torch.equal(twin(X), outputs)
    assert_off(model.float(), masks)


def test_a_state_without_a_mask_ends_it_and_part_of_a_state_does_not() -> None:
    model, masks = pruned([3, 3, 2])
    part = {name: tensor for name, tensor in model.state_dict().items() if name.endswith("bias")}
    model.load_state_dict(part, strict=False)
    assert_off(model, masks)
    whole = network([3, 3, 2])
    assert not any("coef_mask" in name for name in whole.state_dict())
    model.load_state_dict(whole.state_dict())
    assert all(layer.coef_mask is None for layer in model.layers)
    assert torch.equal(model(X), whole(X))


def test_a_smaller_network_keeps_function_and_masks(tmp_path: Path) -> None:
    model, masks = pruned([3, 4, 2])
    with torch.no_grad():
        model.layers[0].mask[1] = False  # a node that is constant
        model.layers[0].mask[2, 0] = False  # an edge between nodes that stay
        model.layers[0].fill[1] = 0.3
    small = model.compact()
    assert small.width == [3, 3, 2]
    torch.testing.assert_close(small(X), model(X), rtol=0, atol=1e-12)
    keep = torch.tensor([0, 2, 3])
    first = masks[0][keep].clone()
    first[1, 0] = True  # what is said of an edge is not said of its coefficients again
    assert_off(small, [first, masks[1][:, keep]])
    small.save(tmp_path / "small")
    again = Network.load(tmp_path / "small")
    one, two = small.state_dict(), again.state_dict()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    small.fit((X, Y), steps=2, progress=False)
    assert_off(small, [first, masks[1][:, keep]])


def test_a_network_whose_masked_edges_are_gone_has_no_mask() -> None:
    model = network([3, 4, 2])
    masks = [torch.ones_like(layer.coef, dtype=torch.bool) for layer in model.layers]
    masks[0][1] = False
    prune_coefficients(model, masks, X, "mean")
    model.layers[0].mask[1] = False
    small = model.compact()
    assert all(layer.coef_mask is None for layer in small.layers)
    torch.testing.assert_close(small(X), model(X), rtol=0, atol=1e-12)


def test_files_without_masks_are_read_by_older_versions(tmp_path: Path) -> None:
    from safetensors import safe_open

    for name, model in (("whole", network([3, 2])), ("pruned", pruned([3, 2])[0])):
        model.save(tmp_path / name)
    versions = {}
    for name in ("whole", "pruned"):
        with safe_open(tmp_path / name, framework="pt") as file:
            versions[name] = '"version": 1' in file.metadata()["kan_widget"]
    assert versions == {"whole": True, "pruned": False}


def test_moved_knots_keep_what_is_off_by_its_index() -> None:
    model, masks = pruned([3, 3, 2])
    curves = model.layers[0].edge_values(model.input_nodes(X**3))
    grid = model.layers[0].grid.clone()
    model.update_grid(X**3)
    assert not torch.equal(model.layers[0].grid, grid)
    assert_off(model, masks)
    whole = masks[0].all(-1)
    assert bool(whole.any())
    error = (model.layers[0].edge_values(model.input_nodes(X**3)) - curves).square().mean(-1).sqrt()
    assert bool((error < 0.5 * curves.std(-1)).all())  # the others do what they can


def test_a_fit_without_some_basis_functions_is_the_least_squares_one() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 5, 30, generator=generator, dtype=torch.float64)
    targets = torch.rand(2, 3, 30, generator=generator, dtype=torch.float64)
    mask = torch.rand(3, 2, 5, generator=generator) > 0.3
    mask[0, 0] = True
    mask[0, 1] = False
    coef = fit_coef(values, targets)
    whole = coef.clone()
    fit_masked(coef, values, targets, mask)
    assert torch.equal(coef[0, 0], whole[0, 0])
    for target, source in np.ndindex(3, 2):
        on = mask[target, source].numpy()
        expected = np.zeros(5)
        expected[on] = np.linalg.lstsq(values[source].numpy()[on].T, targets[source, target].numpy(), rcond=None)[0]
        np.testing.assert_allclose(coef[target, source].numpy(), expected, atol=1e-10)


def test_another_grid_ends_it_and_says_so() -> None:
    model, masks = pruned([3, 3, 2])
    with pytest.warns(RuntimeWarning, match="all of them are free"):
        finer = model.refine(6)
    assert all(layer.coef_mask is None for layer in finer.layers)
    torch.testing.assert_close(finer(X), model(X), rtol=0, atol=1e-8)
    assert_off(model, masks)
    same = model.refine(3)  # as many intervals, so the same coefficients
    assert_off(same, masks)
    torch.testing.assert_close(same(X), model(X), rtol=0, atol=1e-8)


def test_least_squares_fits_what_is_on_and_nothing_else() -> None:
    model = network([3, 2])
    whole = model(X).detach()
    mean = model.copy()
    masks = some(model, 0.4)
    prune_coefficients(mean, masks, X, "mean")
    assert prune_coefficients(model, masks, X, "least_squares") == 0
    assert_off(model, masks)

    layer = model.layers[0]
    planes = coefficients.features(X.T.contiguous(), layer.knots, layer.base).transpose(0, 1)
    for target in range(2):
        on = torch.cat([masks[0][target], torch.ones(3, 1, dtype=torch.bool)], dim=1)
        columns = torch.cat([planes[on], torch.ones(1, len(X))]).T.numpy()
        best = columns @ np.linalg.lstsq(columns, whole[:, target].numpy(), rcond=None)[0]
        np.testing.assert_allclose(model(X)[:, target].detach().numpy(), best, atol=1e-4)

    def error(twin: Network) -> float:
        return float((twin(X) - whole).detach().square().mean())

    assert error(model) < 0.5 * error(mean)


def test_gains_leave_it_off() -> None:
    model, masks = pruned([3, 3, 2], "gain_bias")
    assert_off(model, masks)


def test_too_few_rows_for_what_is_left_are_counted() -> None:
    model = network([3, 2])
    assert prune_coefficients(model, some(model), X[:5], "least_squares") == 2


def test_numbers_that_act_are_counted() -> None:
    model, masks = pruned([3, 2])
    layer = model.layers[0]
    on = int(masks[0].sum())
    assert model.count_nonzero() == on + 6 + 6 + 2  # two scales an edge, and a mean left in each bias
    before = int(masks[0][0, 1].sum())
    layer.mask[0, 1] = False
    assert model.count_nonzero() == on - before + 5 + 5 + 2
    layer.mask[0, 1] = True
    empty = [masks[0].clone()]
    empty[0][1, 2] = False
    prune_coefficients(model, empty, X, "none")
    assert model.count_nonzero() == int(empty[0].sum()) + 5 + 6 + 2  # the edge has its base function left
    assert "coefficients" in repr(layer)
    assert network([3, 2], base="zero").count_nonzero() == 6 * 6 + 6


def test_a_mask_that_does_not_fit_is_refused() -> None:
    layer = network([3, 2]).layers[0]
    parts = {name: getattr(layer, name).detach() for name in ("grid", "coef", "scale_base", "scale_spline")}
    with pytest.raises(ValueError, match=r"coef_mask must be \(2, 3, 6\) here; got \(2, 3\)"):
        type(layer)(**parts, k=3, coef_mask=torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"coef_mask must hold bool; got torch.float32"):
        type(layer)(**parts, k=3, coef_mask=torch.ones(2, 3, 6))
    assert type(layer)(**parts, k=3, coef_mask=torch.ones(2, 3, 6, dtype=torch.bool)).coef_mask is None
