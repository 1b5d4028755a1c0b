"""The refit after a cut, against the same least squares worked out target by target in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from kan_widget import KAN
from kan_widget.nn.refit import pre_activations, refit
from kan_widget.nn.spline import features
from tests.nn import oracle


def by_hand(model: KAN, x: Tensor, target: Tensor, ridge: float = 1e-6) -> NDArray[np.float64]:
    """Outputs of one layer, ``(out, rows)``, after a ridge that draws its free numbers to what they are."""
    layer = model.layers[0]
    planes = features(x.T.contiguous(), layer.knots, layer.base).permute(1, 0, 2).numpy()  # (in, K, rows)
    now = layer.transform(x.T.contiguous()).detach().numpy()
    found = []
    for o in range(layer.out_features):
        rows = planes[layer.mask[o].numpy()].reshape(-1, len(x))
        residual = target[o].numpy() - now[o]
        centre = rows - rows.mean(1, keepdims=True)
        strength = ridge * (centre**2).sum(1).mean()
        gram = centre @ centre.T + strength * np.eye(len(rows))
        change = np.linalg.solve(gram, centre @ residual)
        found.append(now[o] + change @ centre + residual.mean())
    return np.stack(found)


@pytest.mark.parametrize("share", [0.2, 0.7])
@pytest.mark.parametrize("alike", [False, True], ids=["masks differ", "masks alike"])
def test_each_target_is_fitted_by_least_squares(share: float, alike: bool) -> None:
    model = KAN([6, 5], seed=0, dtype=torch.float64, noise_scale=3.0)
    x = torch.rand(400, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 2
    x[:, 1] = (x[:, 0] + 0.1 * x[:, 1]) % 1  # so that others can make up for an edge
    targets = pre_activations(model, x)
    (mask,), _ = oracle.random_masks(model, share, 1)
    if alike:
        mask = mask[:1].expand(5, 6).contiguous()
    mask[:, 2] = True
    model.set_masks([mask])
    expected = by_hand(model, x, targets[0].detach())
    assert refit(model, x, targets, "least_squares") == 0
    np.testing.assert_allclose(model(x).detach().T, expected, atol=1e-7)


def test_targets_that_lost_nothing_keep_their_bits() -> None:
    model = KAN([6, 5], seed=0)
    x = torch.rand(400, 6, generator=torch.Generator().manual_seed(0))
    targets = pre_activations(model, x)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    mask = model.layers[0].mask.clone()
    mask[3, 1] = False
    model.set_masks([mask])
    refit(model, x, targets, "least_squares")
    for name, p in model.named_parameters():
        kept = torch.tensor([o for o in range(5) if o != 3])
        if not name.endswith("bias"):
            assert torch.equal(p[kept], before[name][kept])
            assert not torch.equal(p[3], before[name][3])


def test_targets_with_fewer_rows_than_numbers_are_counted_and_left_but_for_their_bias() -> None:
    model = KAN([6, 3], seed=0, dtype=torch.float64)
    x = torch.rand(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = pre_activations(model, x)
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[0, 2:] = False  # 18 numbers are left, of 54
    mask[1, 0] = False
    model.set_masks([mask])
    before = model.layers[0].coef.detach().clone()
    assert refit(model, x, targets, "least_squares") == 2
    assert torch.equal(model.layers[0].coef[1:], before[1:])
    assert not torch.equal(model.layers[0].coef[0], before[0])
    torch.testing.assert_close(model(x).mean(0), targets[0].mean(1), rtol=0, atol=1e-9)
