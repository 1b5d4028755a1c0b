"""What pruning needs from a KAN, whichever library built it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.coefficients import Bases, BasisCurvature
from ..core.cost import Shape
from ..core.evidence import Curvature, Removal, Shapley
from ..core.topology import Edge, EdgeArrays, Masks, Topology
from ..core.trace import Trace
from ..nn.turns import Turns

T = TypeVar("T")

# Top-level module of a model's class -> the module here that adapts it. Nothing is imported that is not needed.
_ADAPTERS = {"kan_widget": "native"}


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on one set of rows.

    Attributes:
        loss: Root mean squared error, or cross-entropy in nats.
        accuracy: Fraction of right classes; None for regression.
    """

    loss: float
    accuracy: float | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of data as the model takes them.

    Attributes:
        inputs: ``(rows, in)``, in the model's precision.
        labels: Targets ``(rows, out)``, or integer classes ``(rows,)``; None if there are none.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any] | None


@dataclass(frozen=True)
class Footprint:
    """What a model takes up as it is, weights behind masks included.

    Attributes:
        parameters: Numbers that it holds as parameters.
        nonzero: Numbers that act: not zero once all masks are applied.
        memory: Bytes of its parameters, grids and masks.
        disk: Bytes of its file.
    """

    parameters: int
    nonzero: int
    memory: int
    disk: int


@dataclass(frozen=True, eq=False)
class Gated:
    """What a model says when the edges that lie near their means are skipped, row by row.

    Attributes:
        rows: Which rows: ``"test"``, or ``"train"`` where there are no labelled others.
        outputs: ``(rows, outputs)``.
        usage: Per layer ``(out, in)``: the share of the rows in which an edge is computed; 0 if pruned.
        quality: None without labels.
    """

    rows: str
    outputs: NDArray[np.float64]
    usage: EdgeArrays
    quality: Evaluation | None


class Adapter(Protocol):
    """A model bound to data. Arrays are numpy, ``(out, in)`` per edge layer."""

    model: Any
    topology: Topology
    shape: Shape
    is_classification: bool

    @property
    def turns(self) -> Turns:
        """Who may change the model now."""

    def take(self, change: Callable[[], T]) -> T:
        """Run `change` when nobody else is changing the model: at once, or between two steps of its trainer."""

    def trace(self) -> Trace:
        """One pass over the training inputs under the present masks; changes nothing."""

    def masks(self) -> tuple[Masks, EdgeArrays]:
        """Copies of the masks and fills that the model has now."""

    def write_masks(self, masks: Masks, fills: EdgeArrays) -> None:
        """Switch edges on and off, reversibly: weights stay."""

    def kept(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers as the model keeps them: rounded to its precision."""

    def weights(self) -> Any:
        """A copy of everything that training changes, to hand back to `restore_weights`."""

    def restore_weights(self, weights: Any) -> None:
        """Put back what `weights` gave, bit for bit."""

    def is_finite(self) -> bool:
        """Whether all weights are finite numbers."""

    def same_weights(self, weights: Any) -> bool:
        """Whether the model has exactly these weights now."""

    def coefficients(self) -> EdgeArrays:
        """Sum of absolute coefficients of each edge, base function included."""

    def curvature(self, means: EdgeArrays) -> Curvature:
        """Slopes and curvatures of the loss on the training rows, around the edges' means."""

    def bases(self) -> Bases:
        """Single coefficients and what their basis functions do on the training rows."""

    def basis_curvature(self) -> BasisCurvature:
        """Slopes and curvatures of the loss on the training rows, by single coefficients."""

    def prune_coefficients(self, chosen: Sequence[NDArray[np.bool_]], compensate: str) -> int:
        """Switch off coefficients for good: True in ``(out, in, G + k)`` arrays. Gives what `refit` gives."""

    def removal(self, means: EdgeArrays) -> Removal:
        """The loss on the training rows with each part replaced by its mean."""

    def surgery(self, *, in_turn: bool = False) -> EdgeArrays:
        """Second-order rise of the loss on the training rows without each edge, the others into its target refitted.

        If `in_turn`, without it and all cheaper ones into its target.

        Raises:
            ValueError: If a target has too many unknowns.
        """

    def shapley(self, means: EdgeArrays) -> Shapley:
        """Shapley values of nodes in the loss on the training rows, absent ones replaced by their means."""

    @property
    def removal_is_cheap(self) -> bool:
        """Whether `removal` takes about a second rather than minutes."""

    def evaluate(self) -> dict[str, Evaluation]:
        """Quality on ``"train"`` and, if there are held-out rows, on ``"test"``; empty without labels."""

    def levels(self, masks: Masks, fills: EdgeArrays) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Loss and accuracy under many masks, ``(levels, out, in)`` per layer, on held-out rows if there are any."""

    def gated(self, means: EdgeArrays, limits: Sequence[NDArray[np.float64]]) -> Gated:
        """Run without the edges that lie nearer to their means than the limits, ``(out,)``, of their targets."""

    def curve(self, edge: Edge, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The edge's own function, pruned or not, at the points `x`."""

    def knots(self, layer: int, source: int) -> NDArray[np.float64]:
        """The interior knots of an input of a layer."""

    def refit(self, kind: str, masks: Masks, fills: EdgeArrays, weights: Any) -> int:
        """Fit what is on to what the model computed otherwise; gives for how many nodes the rows were too few."""

    def fit(self, options: dict[str, Any]) -> Any:
        """Train in place on the bound data, masks standing; gives the library's own result."""

    def compact(self) -> Any:
        """A smaller model with the same function; the bound one is left alone."""

    def twin(self) -> Adapter:
        """The same data bound to a copy of the model, for work that is not to wait for others."""

    def fresh(self, seed: int) -> Adapter:
        """The same data bound to an untrained model of the same sizes, all edges on and all weights free."""

    def hold(self, layers: int) -> Callable[[], None]:
        """Keep training from changing the first layers, as long as grids are left alone; gives what ends it."""

    def rows(self, name: str) -> Rows | None:
        """The ``"train"`` or ``"test"`` rows; None if there are none."""

    def predict(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Outputs ``(rows, out)`` in evaluation mode, in batches that memory holds; leaves the model alone."""

    def nodes(self, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
        """What every node has, ``(rows, n)`` per node layer: input nodes what they read, others their sums."""

    def footprint(self) -> Footprint:
        """What the model takes up, counted on its real tensors and its real file."""

    def caller(self, rows: int) -> Callable[[], None]:
        """One call of the model on so many rows of its inputs' range, to be timed."""

    def addresses(self) -> frozenset[int]:
        """Where the parameters lie in memory."""


def adapt(model: Any, data: Any) -> Adapter:
    """Bind a model of any supported KAN library to data.

    Args:
        model: The KAN.
        data: What it is measured on, in any form that the library's adapter takes.

    Raises:
        TypeError: If no adapter knows this model.
        ValueError: If the data do not fit the model.
    """
    adapter: Adapter = _library(model).bind(model, data)
    return adapter


def adapt_alone(model: Any) -> Adapter:
    """Bind a model to no data but a point of its own: enough for what it takes up and how fast it is.

    Raises:
        TypeError: If no adapter knows this model.
    """
    library = _library(model)
    adapter: Adapter = library.bind(model, library.point(model))
    return adapter


def _library(model: Any) -> ModuleType:
    """The module here that adapts a model."""
    for cls in type(model).__mro__:
        name = _ADAPTERS.get(cls.__module__.partition(".")[0])
        if name is not None:
            return importlib.import_module(f".{name}", __package__)
    known: Sequence[str] = sorted(_ADAPTERS)
    raise TypeError(f"model must be a KAN of {', '.join(known)}; got {type(model).__name__}")
