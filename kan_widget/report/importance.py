"""What each input of a network is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.scores import score
from ..session import Session

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_LOSSES = {
    "leave_one_out": "rise of the {} without it",
    "auto": "rise of the {} without it",
    "taylor2": "predicted rise of the {} without it",
    "gradient": "slope of the {} towards removal",
    "shapley": "share of the {} that inputs save",
}


@dataclass(frozen=True, eq=False)
class Importance:
    """What each input is worth; arrays ``(inputs,)`` in the order of the network.

    Attributes:
        names: Of the inputs.
        scores: Larger is more needed.
        errors: Their standard errors over rows; None where the criterion has none.
        live: Whether anything still depends on the input.
        columns: Where each stands in the data.
        in_features: How many columns the data have.
        criterion: What was measured.
        label: That in words.
    """

    names: tuple[str, ...]
    scores: Array
    errors: Array | None
    live: NDArray[np.bool_]
    columns: NDArray[np.int64]
    in_features: int
    criterion: str
    label: str

    @property
    def ranking(self) -> list[str]:
        """Names, the most important first and those that nothing reads last."""
        return [self.names[i] for i in self._order()]

    def _order(self) -> list[int]:
        return np.lexsort((-self.scores, ~self.live)).tolist()  # type: ignore[no-any-return]

    def to_frame(self) -> Any:
        """A pandas data frame, one row an input, the most important first."""
        import pandas as pd

        columns: dict[str, Any] = {"input": self.names, "column": self.columns, "score": self.scores}
        if self.errors is not None:
            columns["error"] = self.errors
        return pd.DataFrame({**columns, "live": self.live}).iloc[self._order()].reset_index(drop=True)

    def plot(self, *, top: int = 20, input_shape: tuple[int, int] | None = None, ax: Axes | None = None) -> Axes:
        """Draw a bar for each input, or the pixels of an image.

        Whiskers are one standard error to either side.

        Args:
            top: How many bars at most.
            input_shape: Height and width of the image whose pixels, row by row, the columns of the data are.
            ax: Where to draw; a new figure when left out.

        Raises:
            ValueError: If the image does not have as many pixels as the data have columns, or `top` is below 1.
        """
        from ..figure import Ranked, draw_importance, draw_importance_image

        if input_shape is not None:
            return draw_importance_image(self._image(input_shape), label=self.label, ax=ax)
        if top < 1:
            raise ValueError(f"top must be at least 1; got {top}")
        order = self._order()
        errors = np.full(len(order), np.nan) if self.errors is None else self.errors
        bars = [Ranked(self.names[i], self.scores[i], errors[i], not self.live[i]) for i in order[:top]]
        left = len(order) - len(bars)
        xlabel = self.label if self.errors is None else f"{self.label} (\N{PLUS-MINUS SIGN} standard error)"
        return draw_importance(bars, xlabel=xlabel, note=f"and {left} more inputs" if left else "", ax=ax)

    def _image(self, shape: tuple[int, int]) -> Array:
        height, width = shape
        if height * width != self.in_features:
            raise ValueError(
                f"input_shape must be of {self.in_features} pixels, one a column of the data; got {height} x {width}"
            )
        image = np.full(self.in_features, np.nan)
        image[self.columns[self.live]] = self.scores[self.live]
        return image.reshape(height, width)

    def __repr__(self) -> str:
        lines = [f"Importance({self.label}; {int(self.live.sum())} of {len(self.names)} inputs are read)"]
        order = self._order()[:10]
        width = max(len(self.names[i]) for i in order)
        for i in order:
            error = "" if self.errors is None else f" \N{PLUS-MINUS SIGN} {self.errors[i]:.2g}"
            lines.append(f"  {self.names[i]:{width}} {f'{self.scores[i]:.3g}{error}' if self.live[i] else 'pruned'}")
        return "\n".join(lines)


def importance(model: Any, data: Any, *, criterion: str = "attribution") -> Importance:
    """What each input is worth to a network. The model is left alone.

    Args:
        model: A KAN, or a `Session`.
        data: What it is measured on. None for a `Session`.
        criterion: What importance is. ``"leave_one_out"`` gives the rise of the loss with a standard error;
            ``"shapley"`` too, shared out among inputs that can stand in for each other.

    Returns:
        A number for each input.

    Raises:
        ValueError: If the criterion or the data cannot be used.

    Example:
        >>> import torch
        >>> from kan_widget import KAN
        >>> x = torch.rand(100, 3)
        >>> model = KAN([3, 1], seed=0)
        >>> result = model.fit((x, x[:, 1:2]), steps=5, progress=False)
        >>> importance(model, x).ranking[0]
        'x2'
    """
    session = model if isinstance(model, Session) else Session(model, data)
    found = score(session.evidence, criterion)
    net = session.model
    loss = "cross-entropy" if session.adapter.is_classification else "squared error"
    names = session.topology.names[0]
    columns = np.asarray(getattr(net, "columns", range(len(names))), dtype=np.int64)
    return Importance(
        names=names,
        scores=found.nodes[0],
        errors=None if found.node_errors is None else found.node_errors[0],
        live=session.live[0],
        columns=columns,
        in_features=getattr(net, "in_features", len(names)),
        criterion=criterion,
        label=_LOSSES.get(criterion, criterion.replace("_", " ")).format(loss),
    )
