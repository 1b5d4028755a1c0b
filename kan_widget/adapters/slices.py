"""Rows of the data that somebody has given a name, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Adapter, Rows, adapt

MOST, LONGEST = 20, 60
# What rows are called that need no naming.
TAKEN = {"train", "training", "test", "validation"}


def named_rows(adapter: Adapter, slices: Any) -> dict[str, Rows]:
    """Check and take out named rows.

    Args:
        adapter: A model and its data.
        slices: By name: a boolean mask or numbers of the held-out rows (of the training rows where no others have
            labels), a ``slice`` or ``range`` of them, or other rows as ``(x, y)``. None for none.

    Returns:
        The rows by name.

    Raises:
        ValueError: If rows are not there, or do not fit the model.
        TypeError: If something is not of such a form.
    """
    if slices is None:
        return {}
    if not isinstance(slices, Mapping):
        raise TypeError(f'slices must be a dict, as {{"night": rows}}; got {type(slices).__name__}')
    if len(slices) > MOST:
        raise ValueError(f"there may be {MOST} slices; got {len(slices)}")
    return {_name(name): _rows(adapter, f"slice {name!r}", value) for name, value in slices.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"names of slices are texts; got {type(name).__name__}")
    if not 1 <= len(name.strip()) <= len(name) <= LONGEST:
        raise ValueError(f"names of slices have 1 to {LONGEST} characters; got {name[: LONGEST + 1]!r}")
    if name.strip().lower() in TAKEN:
        raise ValueError(f"{name!r} names rows already; give the slice another name")
    return name


def _rows(adapter: Adapter, what: str, value: Any) -> Rows:
    if isinstance(value, tuple) and len(value) == 2:
        return _others(adapter, what, value)
    name = next(
        (n for n in ("test", "train") if (rows := adapter.rows(n)) is not None and rows.labels is not None), None
    )
    if name is None:
        raise ValueError(f"{what} needs labels to be measured on, and the data have none; give (x, y) as data")
    base = adapter.rows(name)
    assert base is not None
    assert base.labels is not None
    chosen = _chosen(what, value, len(base.inputs), "held-out" if name == "test" else "training")
    return Rows(base.inputs[chosen], base.labels[chosen])


def _others(adapter: Adapter, what: str, pair: tuple[Any, Any]) -> Rows:
    """Rows that are given whole."""
    try:
        other = adapt(adapter.model, pair)
    except (ValueError, TypeError) as error:
        said = str(error).replace("train_input", "x").replace("train_label", "y")
        raise type(error)(f"{what}, which is (x, y) since it is a pair: {said}") from error
    if other.is_classification != adapter.is_classification:
        kinds = ["classes" if port.is_classification else "targets" for port in (adapter, other)]
        raise ValueError(f"{what} has {kinds[1]} as labels, and the data have {kinds[0]}")
    found = other.rows("train")
    assert found is not None
    return found


def _chosen(what: str, value: Any, count: int, kind: str) -> NDArray[np.int64]:
    """The numbers of the rows that are meant, of so many."""
    if isinstance(value, (slice, range)):
        value = np.arange(count)[value] if isinstance(value, slice) else np.array(value, dtype=np.int64)
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biu"):
        raise TypeError(
            f"{what} must be a mask or numbers of the {kind} rows, or (x, y); "
            f"got an array of shape {array.shape} and dtype {array.dtype}"
        )
    if array.dtype.kind == "b":
        if len(array) != count:
            raise ValueError(
                f"{what} is a mask of {len(array)} rows, and there are {count} {kind} rows; for others give (x, y)"
            )
        array = np.flatnonzero(array)
    if not array.size:
        raise ValueError(f"{what} has no rows")
    if array.min() < -count or array.max() >= count:
        raise ValueError(
            f"{what} asks for row {array.max() if array.max() >= count else array.min()} of {count} {kind} rows"
        )
    array = array.astype(np.int64) % count
    if len(np.unique(array)) < len(array):
        raise ValueError(f"{what} names a row twice")
    return array
