"""How the scores of a network lie, and where a threshold cuts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.plan import STRUCTURES, threshold_for
from ..core.reach import live_nodes
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Scores of what is there to prune, and a cut.

    Attributes:
        scores: By layer.
        threshold: What scores below it would go; None for no cut.
        criterion: What was measured.
        structure: Of what.
    """

    scores: dict[str, Array]
    threshold: float | None
    criterion: str
    structure: str

    def removed(self) -> dict[str, int]:
        """How many parts of each layer the cut takes."""
        cut = -np.inf if self.threshold is None else self.threshold
        return {name: int((values < cut).sum()) for name, values in self.scores.items()}

    def to_frame(self) -> Any:
        """A pandas data frame, one row a part."""
        import pandas as pd

        cut = -np.inf if self.threshold is None else self.threshold
        frames = [pd.DataFrame({"layer": name, "score": s, "goes": s < cut}) for name, s in self.scores.items()]
        return pd.concat(frames, ignore_index=True)

    def plot(self) -> Figure:
        """Draw a histogram for each layer on one axis, with the cut through all of them."""
        from ..figure import draw_histogram

        removed = self.removed()
        titles = {
            name: f"{name}: {removed[name]:,} of {len(values):,} go" if self.threshold is not None else name
            for name, values in self.scores.items()
        }
        return draw_histogram(
            {titles[name]: values for name, values in self.scores.items()},
            threshold=self.threshold,
            xlabel=f"{self.criterion.replace('_', ' ')} of the {self.structure}",
            what=f"{self.structure}s",
        )

    def __repr__(self) -> str:
        at = "" if self.threshold is None else f", cut at {self.threshold:.3g}"
        lines = [f"Histogram({self.criterion} of {self.structure}s{at})"]
        removed = self.removed()
        for name, values in self.scores.items():
            low, middle, high = np.quantile(values, [0, 0.5, 1]) if len(values) else (np.nan,) * 3
            goes = "" if self.threshold is None else f", {removed[name]:,} go"
            lines.append(f"  {name}: {len(values):,} from {low:.3g} to {high:.3g}, half below {middle:.3g}{goes}")
        return "\n".join(lines)


def histogram(
    model: Any,
    data: Any,
    *,
    criterion: str = "auto",
    threshold: float | None = None,
    sparsity: float | None = None,
    structure: str = "edge",
) -> Histogram:
    """The scores of each layer, and where a threshold would cut them. Nothing is pruned.

    Args:
        model: A KAN, or a `Session` (of whose parts those count that are still there).
        data: What it is measured on. None for a `Session`.
        criterion: What importance is.
        threshold: Where to cut; or
        sparsity: what fraction of the parts is to go.
        structure: ``"edge"``, ``"node"`` (hidden) or ``"input"``.

    Returns:
        Scores by layer.

    Raises:
        ValueError: If both `threshold` and `sparsity` are given, there is nothing to prune, or an option or the data
            cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> found = histogram(KAN([2, 3, 1], seed=0), torch.rand(50, 2), criterion="std", sparsity=0.2)
        >>> sum(found.removed().values())
        2
    """
    if threshold is not None and sparsity is not None:
        raise ValueError("give threshold or sparsity, not both")
    if structure not in STRUCTURES:
        raise ValueError(f"structure must be one of {', '.join(STRUCTURES)}; got {structure!r}")
    session = model if isinstance(model, Session) else Session(model, data)
    scores, masks = session.scores_by(criterion), session.masks
    if structure == "edge":
        found = {f"layer {n}": s[m] for n, (s, m) in enumerate(zip(scores.edges, masks, strict=True))}
    else:
        live = live_nodes(masks)
        layers = {"inputs": 0} if structure == "input" else {f"hidden layer {n}": n for n in range(1, len(masks))}
        found = {name: scores.nodes[n][live[n]] for name, n in layers.items()}
    every = np.concatenate([np.empty(0), *found.values()])
    if not len(every):
        raise ValueError(f"there are no {structure}s left to prune")
    cut = threshold_for(np.sort(every), sparsity) if sparsity is not None else threshold
    return Histogram(found, cut, criterion, structure)
