"""The port to this package's own networks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.coefficients import Bases, BasisCurvature
from ..core.cost import Shape
from ..core.evidence import Curvature, Removal, Shapley
from ..core.topology import Edge, EdgeArrays, Masks, Topology
from ..core.trace import Trace
from ..nn import coefficients, footprint
from ..nn.datasets import Data
from ..nn.gating import gated
from ..nn.layer import KANLayer
from ..nn.levels import evaluate_levels
from ..nn.network import Network
from ..nn.refit import pre_activations, refit
from ..nn.removal import RowLoss, cross_entropy, curvature, leave_one_out, squared_error
from ..nn.shapley import shapley
from ..nn.spline import features
from ..nn.statistics import edge_statistics
from ..nn.surgeon import surgery
from ..nn.training import FitResult, default_loss
from ..nn.turns import Turns
from .base import Evaluation, Footprint, Gated, Rows

T = TypeVar("T")


def bind(model: Any, data: Any) -> NativeAdapter:
    """Bind a `Network` to data; see `NativeAdapter`."""
    if not isinstance(model, Network):
        raise TypeError(f"model must be a KAN; got {type(model).__name__}")
    return NativeAdapter(model, model.coerce(data))


def point(model: Any) -> Tensor:
    """A point that a network takes, ``(1, in_features)``."""
    return torch.zeros(1, model.in_features, dtype=model.dtype, device=model.device)


class NativeAdapter:
    """A `Network` and its data.

    Args:
        model: The network; edited in place by `write_masks`, `restore_weights` and `fit` alone.
        data: Checked data of this network.
    """

    def __init__(self, model: Network, data: Data) -> None:
        self.model = model
        self.data = data
        self.topology = Topology(tuple(model.width), tuple(tuple(layer) for layer in model.names))
        self.shape = _shape(model)
        self.is_classification = data.is_classification

    @property
    def turns(self) -> Turns:
        """Who may change the network now."""
        return self.model.turns

    def take(self, change: Callable[[], T]) -> T:
        """Run `change` when nobody else is changing the model."""
        return self.model.turns.take(change)

    def trace(self) -> Trace:
        """One pass over the training inputs under the present masks."""
        layers = edge_statistics(self.model, self.data.train_input)
        columns = {name: tuple(getattr(s, name).numpy(force=True) for s in layers) for name in layers[0]._fields}
        return Trace(masks=self.masks()[0], **columns)

    def masks(self) -> tuple[Masks, EdgeArrays]:
        """Copies of masks and fills."""
        masks = tuple(_numpy(layer.mask) for layer in self.model.layers)
        return masks, tuple(_numpy(layer.fill.double()) for layer in self.model.layers)

    def write_masks(self, masks: Masks, fills: EdgeArrays) -> None:
        """Switch edges on and off, reversibly."""
        self.model.set_masks(masks, fills)

    def kept(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers in the model's precision."""
        return _numpy(torch.tensor(array, dtype=self.model.dtype).double())

    def weights(self) -> dict[str, Tensor]:
        """A copy of parameters and knots."""
        return {name: tensor.detach().clone() for name, tensor in self._trained()}

    def _trained(self) -> list[tuple[str, Tensor]]:
        grids = [(f"layers.{i}.grid", layer.grid) for i, layer in enumerate(self.model.layers)]
        return [*self.model.named_parameters(), *grids]

    @torch.no_grad()
    def restore_weights(self, weights: Any) -> None:
        """Put back a copy, bit for bit."""
        for name, tensor in self._trained():
            tensor.copy_(weights[name])

    def is_finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(bool(torch.isfinite(tensor).all()) for _, tensor in self._trained())

    def same_weights(self, weights: Any) -> bool:
        """Whether the model has exactly these weights now."""
        return all(torch.equal(tensor, weights[name]) for name, tensor in self._trained())

    @torch.no_grad()
    def coefficients(self) -> EdgeArrays:
        """Sum of absolute coefficients of each edge."""
        return tuple(_numpy(layer.weight(masked=False).abs().double().sum(dim=1)) for layer in self.model.layers)

    def curvature(self, means: EdgeArrays) -> Curvature:
        """Slopes and curvatures of the loss on the training rows."""
        loss, x = self._row_loss()
        found = curvature(self.model, x, loss, self._tensors(means), classes=self.is_classification)
        return Curvature(**{name: tuple(map(_numpy, getattr(found, name))) for name in found._fields})

    def bases(self) -> Bases:
        """Single coefficients and what their basis functions do on the training rows."""
        found, layers = coefficients.bases(self.model, self.data.train_input), self.model.layers
        columns = {name: tuple(map(_numpy, getattr(found, name))) for name in found._fields}
        return Bases(
            masks=self.masks()[0],
            on=tuple(_numpy(coefficients.on(layer) & layer.mask.unsqueeze(-1)) for layer in layers),
            bare=tuple(_numpy(layer.scale_base == 0) | (layer.base == "zero") for layer in layers),
            **columns,
        )

    def basis_curvature(self) -> BasisCurvature:
        """Slopes and curvatures of the loss on the training rows, by single coefficients."""
        loss, x = self._row_loss()
        means = coefficients.bases(self.model, x).mean
        found = coefficients.basis_curvature(self.model, x, loss, means, classes=self.is_classification)
        return BasisCurvature(**{name: tuple(map(_numpy, getattr(found, name))) for name in found._fields})

    def prune_coefficients(self, chosen: Sequence[NDArray[np.bool_]], compensate: str) -> int:
        """Switch single coefficients off, for good."""
        masks = [torch.tensor(~part, device=self.model.device) for part in chosen]
        x = self.data.train_input
        starved = self.take(lambda: coefficients.prune_coefficients(self.model, masks, x, compensate))
        self.shape = _shape(self.model)
        return starved

    def removal(self, means: EdgeArrays) -> Removal:
        """The loss on the training rows with each part replaced by its mean."""
        loss, x = self._row_loss()
        found = leave_one_out(self.model, x, loss, self._tensors(means))
        return Removal(**{name: tuple(map(_numpy, getattr(found, name))) for name in found._fields})

    def surgery(self, *, in_turn: bool = False) -> EdgeArrays:
        """The loss on the training rows without each edge, the others into its target refitted."""
        loss, x = self._row_loss()
        found = surgery(self.model, x, loss, classes=self.is_classification, in_turn=in_turn)
        return tuple(map(_numpy, found))

    def shapley(self, means: EdgeArrays) -> Shapley:
        """Shapley values of nodes in the loss on the training rows."""
        loss, x = self._row_loss()
        found = shapley(self.model, x, loss, self._tensors(means))
        return Shapley(**{name: tuple(map(_numpy, getattr(found, name))) for name in found._fields})

    @property
    def removal_is_cheap(self) -> bool:
        """Whether the multiply-adds of `removal` are those of about a second."""
        layers, macs = self.model.layers, 0
        for index, layer in enumerate(layers):
            column = [n.coef[:, 0].numel() for n in layers[index + 1 : index + 2]]  # one node of the next has changed
            beyond = [n.coef.numel() for n in layers[index + 2 :]]
            macs += layer.mask.numel() * (sum(column) + sum(beyond) + self.model.width[-1])
        return macs * len(self.data.train_input) < 3e8

    def _row_loss(self) -> tuple[RowLoss, Tensor]:
        """The loss of each training row; without labels, the distance from what the model says now."""
        x, y = self.data.train_input, self.data.train_label
        if y is None:
            with torch.no_grad():
                y = self.model(x)
        return (cross_entropy(y) if self.is_classification else squared_error(y)), x

    def _tensors(self, arrays: EdgeArrays) -> list[Tensor]:
        return [torch.tensor(a, dtype=self.model.dtype, device=self.model.device) for a in arrays]

    @torch.no_grad()
    def evaluate(self) -> dict[str, Evaluation]:
        """Quality on training and held-out rows."""
        d = self.data
        splits = {"train": (d.train_input, d.train_label), "test": (d.test_input, d.test_label)}
        return {name: self._quality(x, y) for name, (x, y) in splits.items() if x is not None and y is not None}

    def _quality(self, x: Tensor, y: Tensor) -> Evaluation:
        return self._judged(self.model(x), y)

    def _judged(self, outputs: Tensor, y: Tensor) -> Evaluation:
        loss = default_loss(self.data)(outputs, y).item()
        if self.is_classification:
            return Evaluation(loss, (outputs.argmax(dim=1) == y).double().mean().item())
        return Evaluation(loss**0.5)

    @torch.no_grad()
    def levels(self, masks: Masks, fills: EdgeArrays) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Loss and accuracy under many masks, on the held-out rows if there are any."""
        d = self.data
        held_out = d.test_input is not None and d.test_label is not None
        x, y = (d.test_input, d.test_label) if held_out else (d.train_input, d.train_label)
        assert x is not None
        assert y is not None
        switched = [torch.tensor(mask, device=self.model.device) for mask in masks]
        outputs = evaluate_levels(self.model, x, switched, self._tensors(fills))
        if not self.is_classification:
            return _numpy(squared_error(y)(outputs).double().mean(dim=1).sqrt()), None
        right = (outputs.argmax(dim=-1) == y).double().mean(dim=1)
        return _numpy(cross_entropy(y)(outputs).double().mean(dim=1)), _numpy(right)

    def gated(self, means: EdgeArrays, limits: Sequence[NDArray[np.float64]]) -> Gated:
        """Run without the edges that lie near their means, on the held-out rows if there are any."""
        d = self.data
        held_out = d.test_input is not None and (d.test_label is not None or d.train_label is None)
        x, y = (d.test_input, d.test_label) if held_out else (d.train_input, d.train_label)
        assert x is not None
        found = gated(self.model, x, self._tensors(means), self._tensors(tuple(limits)))
        return Gated(
            rows="test" if held_out else "train",
            outputs=_numpy(found.outputs.double()),
            usage=tuple(map(_numpy, found.usage)),
            quality=None if y is None else self._judged(found.outputs, y),
        )

    def curve(self, edge: Edge, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The edge's own function at the points `x`."""
        layer = self.model.layers[edge.layer]
        points = torch.as_tensor(x, dtype=self.model.dtype, device=self.model.device)
        with torch.no_grad():
            values = features(points.unsqueeze(0), layer.knots.rows(edge.source, edge.source + 1), layer.base)[:, 0]
            return _numpy((layer.weight(masked=False)[edge.target, :, edge.source] @ values).double())

    def knots(self, layer: int, source: int) -> NDArray[np.float64]:
        """The interior knots of an input of a layer."""
        k = self.model.k
        grid = self.model.layers[layer].grid[source]
        return _numpy(grid[k : len(grid) - k].double())

    def refit(self, kind: str, masks: Masks, fills: EdgeArrays, weights: Any) -> int:
        """Fit what is on to what the model computed under other masks and weights."""
        own, own_weights = self.masks(), self.weights()
        try:
            self.write_masks(masks, fills)
            self.restore_weights(weights)
            targets = pre_activations(self.model, self.data.train_input)
        finally:
            self.write_masks(*own)
            self.restore_weights(own_weights)
        return refit(self.model, self.data.train_input, targets, kind)

    def fit(self, options: dict[str, Any]) -> FitResult:
        """Train in place on the bound data."""
        return self.model.fit(self.data, **options)

    def compact(self) -> Network:
        """A smaller network with the same function."""
        return self.model.compact()

    def twin(self) -> NativeAdapter:
        """The same data bound to a copy of the network."""
        return NativeAdapter(self.model.copy(), self.data)

    def fresh(self, seed: int) -> NativeAdapter:
        """The same data bound to an untrained network of the same sizes."""
        old = self.model
        generator = torch.Generator().manual_seed(seed)
        layers = [
            KANLayer.random(*sizes, grid=layer.grid_size, k=layer.k, base=layer.base, generator=generator)
            for layer, sizes in zip(old.layers, itertools.pairwise(old.width), strict=True)
        ]
        network = type(old).from_layers(
            layers,
            names=old.names,
            columns=old.columns.tolist(),
            in_features=old.in_features,
            grid_eps=old.grid_eps,
            seed=seed,
        )
        return NativeAdapter(network.to(old.device, old.dtype), self.data)

    def hold(self, layers: int) -> Callable[[], None]:
        """Keep training from changing the first layers."""
        held = [p for layer in self.model.layers[:layers] for p in layer.parameters() if p.requires_grad]
        for parameter in held:
            parameter.requires_grad_(False)

        def release() -> None:
            for parameter in held:
                parameter.requires_grad_()

        return release

    def rows(self, name: str) -> Rows | None:
        """Inputs and labels of ``"train"`` or ``"test"``."""
        d = self.data
        x, y = (d.train_input, d.train_label) if name == "train" else (d.test_input, d.test_label)
        return None if x is None else Rows(_numpy(x), None if y is None else _numpy(y))

    def predict(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Outputs ``(rows, out)``, batch by batch."""
        x = torch.as_tensor(inputs, dtype=self.model.dtype, device=self.model.device)
        return _numpy(footprint.answer(self.model, x).double())

    def nodes(self, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
        """What every node has, layer by layer."""
        x = torch.as_tensor(inputs, dtype=self.model.dtype, device=self.model.device)
        layers = [self.model.input_nodes(x), *pre_activations(self.model, x)]
        return tuple(_numpy(values.T.double()) for values in layers)

    def footprint(self) -> Footprint:
        """What the network takes up."""
        return Footprint(
            parameters=sum(p.numel() for p in self.model.parameters()),
            nonzero=sum(layer.count_nonzero() for layer in self.model.layers),
            memory=footprint.memory(self.model),
            disk=footprint.disk(self.model),
        )

    def caller(self, rows: int) -> Callable[[], None]:
        """One call of the network on so many rows."""
        return footprint.caller(self.model, rows)

    def addresses(self) -> frozenset[int]:
        """Where the parameters lie in memory."""
        return footprint.addresses(self.model)


def _shape(model: Network) -> Shape:
    intervals = tuple(layer.grid_size for layer in model.layers)
    whole = all(layer.coef_mask is None for layer in model.layers)
    kept = None if whole else tuple(_numpy(coefficients.on(layer).sum(-1)) for layer in model.layers)
    return Shape(intervals, model.k, model.dtype.itemsize, kept)


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().cpu().numpy())
