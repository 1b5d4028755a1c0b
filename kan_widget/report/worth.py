"""What the network as it is now would lose without one node or edge, on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import Adapter, Rows
from ..core.topology import Edge, Node, Topology
from ..session import Session
from .metrics import classification_terms
from .text import number, rows_words

Array = NDArray[np.float64]

# Rows that the mean of what is removed is taken over, if there are more.
_ROWS = 5000


@dataclass(frozen=True)
class Worth:
    """What a part is worth: how the loss changes when it is replaced by its mean, all else being as it is now.

    Attributes:
        part: The node or the edge.
        name: ``node h3`` or ``edge x1 to h3``.
        loss: What is measured: ``"RMSE"``, or ``"cross-entropy"`` in nats.
        rows: On ``"test"`` or, where no others have labels, ``"train"`` rows.
        count: How many.
        before: The loss with it.
        after: The loss without it.
        error: Standard error of the change, over rows.
        accuracy: Before and after; None for regression.
    """

    part: Edge | Node
    name: str
    loss: str
    rows: str
    count: int
    before: float
    after: float
    error: float
    accuracy: tuple[float, float] | None

    @property
    def change(self) -> float:
        """The loss without it less the loss with it."""
        return self.after - self.before

    @property
    def is_clear(self) -> bool:
        """Whether the change is more than two standard errors."""
        return abs(self.change) > 2 * self.error

    def __repr__(self) -> str:
        verdict = "" if self.is_clear else ": not distinguishable from zero"
        change = f"{number(self.change, sign=True)} ± {number(self.error)}"
        what = f"Without {self.name}, {self.loss} on {rows_words(self.rows, self.count)}"
        return f"{what} is {number(self.after)} instead of {number(self.before)} ({change}){verdict}"


def worth(session: Session, part: Sequence[int]) -> Worth:
    """Measure what a node ``(layer, index)`` or an edge ``(layer, source, target)`` is worth to the network now.

    Its outputs are replaced by their means over the training rows, and the network answers again: two passes over the
    held-out rows, whatever its size. A copy is measured, so that edits need not wait. `leave_one_out` is the same for
    all parts, as they were at the last `refresh`, and on training rows.

    Args:
        session: Whose network.
        part: An input, a hidden node or an edge.

    Returns:
        The loss with and without it, and how sure the difference is.

    Raises:
        ValueError: If there is no such part, it is an output, or the data have no labels.
        TypeError: If it is not written so.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, Session
        >>> x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
        >>> model = KAN([2, 1], seed=0)
        >>> data = (x, x[:, :1] ** 2)
        >>> _ = model.fit(data, steps=10, progress=False)
        >>> session = Session(model, data)
        >>> worth(session, (0, 0)).is_clear, worth(session, (0, 0)).after > 0.2
        (True, True)

    Source:
        Mozer & Smolensky (1989), "Skeletonization". The error of a difference of roots is that of its first order.
    """
    topology = session.topology
    if not isinstance(part, (tuple, list)) or len(part) not in (2, 3):
        raise TypeError(f"a part is a node (layer, index) or an edge (layer, source, target); got {part!r}")
    checked = topology.edge(part) if len(part) == 3 else topology.node(part)
    name = next((n for n in ("test", "train") if n in session.before.quality), None)
    if name is None:
        raise ValueError("what a part is worth needs labels; give (x, y) as data")
    twin = session.adapter.take(session.adapter.twin)
    rows = twin.rows(name)
    assert rows is not None
    with_it = twin.predict(rows.inputs)
    _remove(twin, _edges(topology, checked))
    answers = (with_it, twin.predict(rows.inputs))
    before, after, error = _losses(twin, answers, rows)
    return Worth(
        part=checked,
        name=f"edge {topology.edge_name(checked)}"
        if isinstance(checked, Edge)
        else f"node {topology.node_name(checked)}",
        loss="cross-entropy" if twin.is_classification else "RMSE",
        rows=name,
        count=len(rows.inputs),
        before=before,
        after=after,
        error=error,
        accuracy=_accuracies(answers, rows.labels) if twin.is_classification else None,
    )


def _edges(topology: Topology, part: Edge | Node) -> list[Edge]:
    """The edges through which a part acts."""
    if isinstance(part, Edge):
        return [part]
    if part.layer == topology.depth:
        raise ValueError(f"{topology.node_name(part)} is an output, which cannot be removed; its edges can")
    return [Edge(part.layer, part.index, j) for j in range(topology.widths[part.layer + 1])]


def _remove(twin: Adapter, edges: list[Edge]) -> None:
    """Replace edges by their means over the training rows."""
    rows = twin.rows("train")
    assert rows is not None
    values = twin.nodes(rows.inputs[:: 1 + (len(rows.inputs) - 1) // _ROWS])
    masks, fills = twin.masks()
    for edge in edges:
        at = (edge.target, edge.source)
        if masks[edge.layer][at]:
            fills[edge.layer][at] = twin.curve(edge, values[edge.layer][:, edge.source]).mean()
            masks[edge.layer][at] = False
    twin.write_masks(masks, fills)


def _losses(port: Adapter, answers: tuple[Array, Array], rows: Rows) -> tuple[float, float, float]:
    """The loss of two answers, and the standard error of the difference."""
    assert rows.labels is not None
    if port.is_classification:
        one, two = (classification_terms(answer, rows.labels)[:, 1] for answer in answers)
        return float(one.mean()), float(two.mean()), _error(two - one)
    one, two = (((answer - rows.labels) ** 2).mean(axis=1) for answer in answers)
    before, after = float(one.mean()) ** 0.5, float(two.mean()) ** 0.5
    return before, after, _error(two / max(2 * after, 1e-30) - one / max(2 * before, 1e-30))


def _error(differences: Array) -> float:
    count = len(differences)
    return float(differences.std(ddof=1)) / count**0.5 if count > 1 else float("nan")


def _accuracies(answers: tuple[Array, Array], labels: NDArray[Any] | None) -> tuple[float, float]:
    before, after = (float((answer.argmax(axis=1) == labels).mean()) for answer in answers)
    return before, after
