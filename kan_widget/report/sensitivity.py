"""How much of each layer a network can do without, measured: one layer is pruned, the others stay whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.plan import STRUCTURES
from ..core.reach import live_nodes
from ..core.scores import Scores, random_scores
from ..core.topology import Masks
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerSensitivity:
    """Quality as one layer alone is pruned; arrays ``(levels,)``, and ``(draws, levels)`` where chance prunes.

    Attributes:
        layer: Edge layer, or node layer where nodes or inputs go.
        name: In words.
        parts: How many edges, nodes or inputs it has to lose.
        removed: How many are gone.
        loss: Root mean squared error or cross-entropy.
        accuracy: Fraction of right classes; None for regression.
        chance_loss: The loss where chance chooses.
        chance_accuracy: The accuracy where chance chooses; None for regression.
    """

    layer: int
    name: str
    parts: int
    removed: NDArray[np.int64]
    loss: Array
    accuracy: Array | None
    chance_loss: Array
    chance_accuracy: Array | None

    @property
    def sparsity(self) -> Array:
        """Fraction of the layer's parts removed."""
        return self.removed / max(1, self.parts)

    @property
    def harm(self) -> float:
        """Mean rise of the loss over all levels: the larger, the more sensitive the layer."""
        return float(self.loss.mean() - self.loss[0])

    def loss_at(self, sparsity: float) -> float:
        """The loss at the level nearest to a sparsity."""
        return float(self.loss[self._nearest(sparsity)])

    def chance_at(self, sparsity: float) -> float:
        """The same where chance chooses, the mean over draws; NaN where none was drawn."""
        return float(self.chance_loss[:, self._nearest(sparsity)].mean()) if len(self.chance_loss) else float("nan")

    def _nearest(self, sparsity: float) -> int:
        return int(np.abs(self.sparsity - sparsity).argmin())


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How much each layer bears alone.

    Attributes:
        layers: From the inputs up.
        criterion: What chose the parts.
        rows: Which rows it was measured on: ``"test"`` or, where there are none, ``"train"``.
        structure: What was removed.
        compensate: What it left behind.
    """

    layers: tuple[LayerSensitivity, ...]
    criterion: str
    rows: str
    structure: str
    compensate: str

    @property
    def ranking(self) -> list[LayerSensitivity]:
        """The most sensitive layer first."""
        return sorted(self.layers, key=lambda layer: -layer.harm)

    def to_frame(self) -> Any:
        """A pandas data frame, one row a layer, criterion and level; chance is called ``random 0`` and so on."""
        import pandas as pd

        frames = []
        for layer in self.layers:
            for name, loss, accuracy in self._lines(layer):
                columns = {"removed": layer.removed, "sparsity": layer.sparsity, "loss": loss, "accuracy": accuracy}
                frames.append(pd.DataFrame({"layer": layer.layer, "name": layer.name, "criterion": name, **columns}))
        return pd.concat(frames, ignore_index=True)

    def _lines(self, layer: LayerSensitivity) -> Iterator[tuple[str, Array, Array | None]]:
        yield self.criterion, layer.loss, layer.accuracy
        for draw, loss in enumerate(layer.chance_loss):
            yield f"random {draw}", loss, None if layer.chance_accuracy is None else layer.chance_accuracy[draw]

    def plot(self, metric: str = "loss") -> Figure:
        """Draw a panel for each layer on shared axes; random pruning is a band from its best to its worst draw.

        Args:
            metric: ``"loss"``, or ``"accuracy"`` where labels are classes.

        Raises:
            ValueError: If there is no such metric.
        """
        from ..figure import Bearing, draw_sensitivity

        known = ["loss"] if self.layers[0].accuracy is None else ["loss", "accuracy"]
        if metric not in known:
            raise ValueError(f"metric must be {' or '.join(known)} here; got {metric!r}")
        bearings = [
            Bearing(
                f"{layer.name}: {layer.parts:,} {self.structure}s",
                layer.sparsity,
                getattr(layer, metric),
                getattr(layer, f"chance_{metric}"),
            )
            for layer in self.layers
        ]
        return draw_sensitivity(
            bearings,
            label=self.criterion.replace("_", " "),
            xlabel=f"{self.structure}s of the layer removed, the other layers whole",
            ylabel=f"{metric} on {self.rows} rows",
        )

    def __repr__(self) -> str:
        lines = [
            f"Sensitivity(loss on {self.rows} rows as one layer's {self.structure}s go by {self.criterion}, "
            f"compensate={self.compensate!r}; {self.layers[0].loss[0]:.3g} with all)"
        ]
        width = max(len("  random, mean"), *(len(layer.name) for layer in self.layers))
        marks = (0.2, 0.5, 0.8)
        lines.append("".join([f"  {'':{width}}", *(f"{mark:>10.0%}" for mark in marks), f"{'parts':>10}"]))
        for layer in self.ranking:
            found = "".join(f"{layer.loss_at(mark):>10.3g}" for mark in marks)
            lines.append(f"  {layer.name:{width}}{found}{layer.parts:>10}")
            if len(layer.chance_loss):
                chance = "".join(f"{layer.chance_at(mark):>10.3g}" for mark in marks)
                lines.append(f"  {'  random, mean':{width}}{chance}")
        return "\n".join(lines)


def sensitivity(
    model: Any,
    data: Any,
    *,
    criterion: str = "auto",
    levels: int = 21,
    structure: str = "edge",
    compensate: str = "mean",
    draws: int = 5,
) -> Sensitivity:
    """The loss as each layer alone is pruned, from nothing to all of it, beside chance. The model is left alone.

    All levels of a layer, chance's too, go through the network in one vectorised pass.

    Args:
        model: A KAN, or a `Session` (whose present masks are the start).
        data: Data with labels; measured on the test rows if there are any. None for a `Session`.
        criterion: What importance is; scores are taken once, on the whole network.
        levels: At most how many, from nothing to all.
        structure: ``"edge"``: each edge layer; ``"node"``: each hidden node layer; ``"input"``: the inputs.
        compensate: ``"mean"`` or ``"none"``; compensations that refit depend on each cut.
        draws: How often chance is drawn.

    Returns:
        A result a layer; ``found.ranking`` holds the most sensitive first.

    Raises:
        ValueError: If an option cannot be used, there is no such layer, or the data have no labels.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 2)
        >>> found = sensitivity(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2), criterion="std", levels=4)
        >>> [layer.name for layer in found.layers], found.layers[0].removed.tolist()
        (['layer 0, 2 to 3', 'layer 1, 3 to 1'], [0, 2, 4, 6])
    """
    if levels < 2:
        raise ValueError(f"levels must be at least 2; got {levels}")
    if draws < 0:
        raise ValueError(f"draws must be 0 or more; got {draws}")
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    if compensate not in ("mean", "none"):
        raise ValueError(f"compensate must be 'mean' or 'none' here; got {compensate!r}")
    session = model if isinstance(model, Session) else Session(model, data)
    if not session.metrics.quality:
        raise ValueError("a loss needs labels; give (x, y)")
    depth = session.topology.depth
    layers = {"edge": range(depth), "node": range(1, depth), "input": range(1)}[structure]
    if not layers:
        raise ValueError("this network has no hidden nodes; use structure='edge' or 'input'")
    scores = [session.scores_by(criterion), *(random_scores(session.trace, seed) for seed in range(draws))]
    found = tuple(_layer(session, scores, layer, levels, structure, compensate) for layer in layers)
    rows = "test" if "test" in session.metrics.quality else "train"
    return Sensitivity(found, criterion, rows, structure, compensate)


def _layer(
    session: Session, scores: list[Scores], layer: int, levels: int, structure: str, compensate: str
) -> LayerSensitivity:
    own = session.masks
    there = own[layer] if structure == "edge" else live_nodes(own)[layer]
    values = [s.edges[layer] if structure == "edge" else s.nodes[layer] for s in scores]
    removed = np.unique(np.round(np.linspace(0, 1, levels) * there.sum()).astype(int))
    gone = np.concatenate([_weakest(v, there, removed) for v in values])
    masks = _without(own, gone, layer, structure)
    everything = tuple(np.zeros_like(mask) for mask in own)
    fills = session.evidence.fills_under(everything, compensate)
    loss, accuracy = session.adapter.take(lambda: session.adapter.levels(masks, fills))
    loss = loss.reshape(len(scores), len(removed))
    accuracy = None if accuracy is None else accuracy.reshape(len(scores), len(removed))
    return LayerSensitivity(
        layer=layer,
        name=_name(session.topology.widths, layer, structure),
        parts=int(there.sum()),
        removed=removed,
        loss=loss[0],
        accuracy=None if accuracy is None else accuracy[0],
        chance_loss=loss[1:],
        chance_accuracy=None if accuracy is None else accuracy[1:],
    )


def _weakest(values: Array, there: NDArray[np.bool_], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which parts go at each count, ``(levels, *values.shape)``: exactly as many, the weakest of those there."""
    place = np.full(values.shape, values.size)
    order = np.argsort(values[there], kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    place[there] = ranks
    return place < counts.reshape(-1, *(1,) * values.ndim)


def _without(own: Masks, gone: NDArray[np.bool_], layer: int, structure: str) -> Masks:
    """Masks ``(levels, out, in)`` without those edges, or without all edges of those nodes."""
    masks = [np.repeat(mask[None], len(gone), axis=0) for mask in own]
    if structure == "edge":
        masks[layer] &= ~gone
    else:
        masks[layer] &= ~gone[:, None, :]
        if layer:
            masks[layer - 1] &= ~gone[:, :, None]
    return tuple(masks)


def _name(widths: tuple[int, ...], layer: int, structure: str) -> str:
    if structure == "edge":
        return f"layer {layer}, {widths[layer]} to {widths[layer + 1]}"
    return "inputs" if structure == "input" else f"hidden layer {layer}"
