"""Which parts of a masked network still carry anything from the inputs to the outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .topology import Masks

NodeMasks = tuple[NDArray[np.bool_], ...]


def live_nodes(masks: Masks) -> NodeMasks:
    """Per node layer, which nodes lie on a path of unpruned edges from an input to an output.

    One sweep up and one down reach the fixed point, since edges join neighbouring layers only.
    """
    varies: list[NDArray[np.bool_]] = [np.ones(masks[0].shape[1], dtype=bool)]
    for mask in masks:
        varies.append(np.any(mask & varies[-1], axis=1))
    matters: list[NDArray[np.bool_]] = [np.ones(masks[-1].shape[0], dtype=bool)]
    for mask in reversed(masks):
        matters.insert(0, np.any(mask & matters[0][:, None], axis=0))
    return tuple(v & m for v, m in zip(varies, matters, strict=True))


def active_edges(masks: Masks) -> Masks:
    """Unpruned edges that are not dead: between live nodes.

    Example:
        >>> import numpy as np
        >>> masks = (np.array([[True], [False]]), np.array([[True, True]]))
        >>> active_edges(masks)[1]  # the second hidden node has no input left
        array([[ True, False]])
    """
    live = live_nodes(masks)
    return tuple(mask & above[:, None] & below for mask, below, above in zip(masks, live, live[1:], strict=False))


def cut_outputs(masks: Masks, allowed: Sequence[int] = ()) -> list[int]:
    """Outputs that no input reaches, less those in `allowed`."""
    live = live_nodes(masks)[-1]
    return [j for j in np.flatnonzero(~live).tolist() if j not in allowed]
