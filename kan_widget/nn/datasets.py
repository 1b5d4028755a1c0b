"""Data in, in one place: whatever a user has becomes `Data`; and pykan's way to make some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

KEYS = ("train_input", "train_label", "test_input", "test_label")


@dataclass(frozen=True)
class Data:
    """Checked tensors on one device: ``(rows, in)`` inputs, ``(rows, out)`` targets or ``(rows,)`` classes.

    Attributes:
        train_input: Inputs to fit and to measure on, ``(rows, in)``.
        train_label: Targets ``(rows, out)``, or integer classes ``(rows,)``; None if only inputs were given.
        test_input: Held-out inputs, or None.
        test_label: Held-out targets or classes, or None.
    """

    train_input: Tensor
    train_label: Tensor | None = None
    test_input: Tensor | None = None
    test_label: Tensor | None = None

    @property
    def is_classification(self) -> bool:
        """Whether the labels are integer classes."""
        return self.train_label is not None and not self.train_label.is_floating_point()


def as_data(
    data: Any,
    *,
    in_features: int,
    out_features: int,
    dtype: torch.dtype,
    device: torch.device,
    need_labels: bool = False,
    check_labels: bool = True,
) -> Data:
    """Check and convert data of any accepted form.

    Args:
        data: pykan's dict (``train_input``, ``train_label``, ``test_input``, ``test_label``), ``x``, ``(x, y)`` or
            ``(x, y, x_test, y_test)`` of tensors or arrays, a torch ``Dataset`` or ``DataLoader`` of ``(x, y)``, or
            `Data`. Inputs are ``(rows, in)``; targets ``(rows, out)``, or ``(rows,)`` for one output; integers of shape
            ``(rows,)`` or ``(rows, 1)`` are classes.
        in_features: Columns that the inputs must have.
        out_features: Outputs of the network.
        dtype: Floating type to convert to.
        device: Device to move to.
        need_labels: Whether data without labels are an error.
        check_labels: Whether labels must fit the outputs; False for a loss function of the user's own.

    Returns:
        The data, sharing memory with what was given where no conversion was needed.

    Raises:
        TypeError: If the form is not one of these.
        ValueError: If data are empty, not finite, or of the wrong shape.
    """
    parts = _parts(data)
    train_x = _input("train_input", parts[0], in_features, dtype, device)
    test_x = _input("test_input", parts[2], in_features, dtype, device)
    if train_x is None:
        raise ValueError("train_input is missing")
    if need_labels and parts[1] is None:
        raise ValueError("labels are needed here; give (x, y) or a dict with train_input and train_label")
    labels = [
        _label(name, y, x, out_features, dtype, device, check_labels)
        for name, y, x in (("train_label", parts[1], train_x), ("test_label", parts[3], test_x))
    ]
    return Data(train_x, labels[0], test_x, labels[1])


def _parts(data: Any) -> Sequence[Any]:
    if isinstance(data, Data):
        return data.train_input, data.train_label, data.test_input, data.test_label
    if isinstance(data, Mapping):
        if "train_input" not in data:
            raise ValueError(f"a dataset dict needs train_input; it has {', '.join(map(str, data)) or 'no keys'}")
        return [data.get(key) for key in KEYS]
    if isinstance(data, (Tensor, np.ndarray)):
        return data, None, None, None
    if isinstance(data, (tuple, list)) and len(data) in (2, 4):
        return [*data, None, None][:4]
    if isinstance(data, (Dataset, DataLoader)):
        return [*_collect(data), None, None]
    if hasattr(data, "__array__"):
        return data, None, None, None
    raise TypeError(
        "data must be a dict with train_input, x, (x, y), (x, y, x_test, y_test), a torch Dataset or a DataLoader; "
        f"got {type(data).__name__}" + (f" of length {len(data)}" if isinstance(data, (tuple, list)) else "")
    )


def _collect(data: Dataset[Any] | DataLoader[Any]) -> tuple[Tensor, Tensor]:
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size=1024)
    batches = list(loader)
    if not batches:
        raise ValueError("the dataset is empty")
    if not all(isinstance(batch, (tuple, list)) and len(batch) == 2 for batch in batches):
        raise TypeError("a Dataset or DataLoader must give pairs (x, y)")
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    if hasattr(value, "dtypes") and hasattr(value, "to_numpy"):  # a pandas frame, whose columns may differ in kind
        array = _frame(name, value)
    else:
        array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers; got an array of dtype {array.dtype}")
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))  # pandas' columns are read-only


def _frame(name: str, frame: Any) -> np.ndarray[Any, Any]:
    """A data frame or series as floats, missing values as nan; integers stay integers, since they may be classes."""
    array = np.asarray(frame)
    if array.dtype.kind in "biuf":
        return array
    try:
        return np.asarray(frame.to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold numbers; {error}. Encode or drop the other columns") from error


def _finite(name: str, tensor: Tensor) -> Tensor:
    if tensor.shape[0] == 0:
        raise ValueError(f"{name} is empty")
    bad = ~torch.isfinite(tensor)
    if bool(bad.any()):
        row = int(bad.reshape(len(tensor), -1).any(1).nonzero()[0])
        raise ValueError(
            f"{name} has {int(bad.sum())} values that are NaN or infinite, the first in row {row}; "
            "drop or fill those rows"
        )
    return tensor


def _input(name: str, value: Any, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    if value is None:
        return None
    x = _tensor(name, value)
    if x.ndim != 2 or x.shape[1] != columns:
        raise ValueError(f"{name} must be (rows, {columns}) for this network; got {tuple(x.shape)}")
    return _finite(name, x.to(device=device, dtype=dtype))


def _label(
    name: str, value: Any, x: Tensor | None, outputs: int, dtype: torch.dtype, device: torch.device, check: bool
) -> Tensor | None:
    if value is None or x is None:
        return None
    y = _tensor(name, value)
    if y.ndim == 0 or y.shape[0] != x.shape[0]:
        raise ValueError(f"{name} must have one row for each of the {len(x)} inputs; got {tuple(y.shape)}")
    if not check:
        return y.to(device=device, dtype=dtype) if y.is_floating_point() else y.to(device)
    if y.dtype == torch.bool and outputs > 1 and y.numel() == len(x):
        y = y.long()  # one of a row cannot be the targets of several outputs
    if not y.is_floating_point() and y.dtype != torch.bool:
        return _classes(name, y, outputs).to(device)
    y = y.unsqueeze(1) if y.ndim == 1 else y
    if y.shape != (len(x), outputs):
        hint = "; classes are whole numbers, one a row" if y.numel() == len(x) else ""
        raise ValueError(f"{name} must be ({len(x)}, {outputs}) for this network; got {tuple(y.shape)}{hint}")
    return _finite(name, y.to(device=device, dtype=dtype))


def _classes(name: str, y: Tensor, outputs: int) -> Tensor:
    y = y.squeeze(1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        raise ValueError(
            f"integer labels are classes, one a row; {name} is {tuple(y.shape)}. For regression convert it to float"
        )
    if y.numel() and (int(y.min()) < 0 or int(y.max()) >= outputs):
        raise ValueError(
            f"{name} holds classes {int(y.min())} to {int(y.max())}, and the network has {outputs} "
            f"output{'s' if outputs > 1 else ''}: classes 0 to n - 1 need n outputs. For regression convert it to float"
        )
    if outputs == 1:
        raise ValueError(
            f"{name} holds integers, which are classes and need at least 2 outputs; for regression convert it to float"
        )
    return y.long()


def create_dataset(
    f: Callable[[Tensor], Tensor],
    n_var: int = 2,
    f_mode: str = "col",
    ranges: Any = (-1, 1),
    train_num: int = 1000,
    test_num: int = 1000,
    normalize_input: bool = False,
    normalize_label: bool = False,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> dict[str, Tensor]:
    """Sample a function on random points, with the same draws as pykan and without touching the global seed.

    Args:
        f: Maps points ``(rows, n_var)`` to targets ``(rows, out)`` or ``(rows,)``.
        n_var: Number of input variables.
        f_mode: ``"col"`` when `f` takes ``(rows, n_var)``, ``"row"`` when it takes ``(n_var, rows)``.
        ranges: ``(low, high)`` for all variables or one pair for each, in the units of the inputs.
        train_num: Rows to train on.
        test_num: Rows to test on.
        normalize_input: Whether to scale inputs to mean 0 and standard deviation 1 of the training rows.
        normalize_label: The same for the targets.
        device: Where the tensors are put.
        seed: Of the draws.

    Returns:
        ``train_input``, ``test_input``, ``train_label``, ``test_label``.

    Raises:
        ValueError: If `f_mode` is unknown or `ranges` does not fit `n_var`.

    Example:
        >>> data = create_dataset(lambda x: x[:, [0]] * x[:, [1]], n_var=2, train_num=100)
        >>> data["train_input"].shape, data["train_label"].shape
        (torch.Size([100, 2]), torch.Size([100, 1]))

    Source:
        pykan 0.2.8, ``kan/utils.py``, ``create_dataset``.
    """
    if f_mode not in ("col", "row"):
        raise ValueError(f"f_mode must be 'col' or 'row'; got {f_mode!r}")
    limits = np.asarray(ranges, dtype=float)
    limits = np.tile(limits, (n_var, 1)) if limits.ndim == 1 else limits
    if limits.shape != (n_var, 2):
        raise ValueError(f"ranges must be (low, high) or {n_var} such pairs; got shape {np.shape(ranges)}")
    generator = torch.Generator().manual_seed(seed)
    inputs = {"train": torch.zeros(train_num, n_var), "test": torch.zeros(test_num, n_var)}
    for i, (low, high) in enumerate(limits):
        for x in inputs.values():
            x[:, i] = torch.rand(len(x), generator=generator) * (high - low) + low
    labels = {name: f(x if f_mode == "col" else x.T) for name, x in inputs.items()}
    labels = {name: y.unsqueeze(1) if y.ndim == 1 else y for name, y in labels.items()}
    if normalize_input:
        inputs = _normalize(inputs)
    if normalize_label:
        labels = _normalize(labels)
    return {
        "train_input": inputs["train"].to(device),
        "test_input": inputs["test"].to(device),
        "train_label": labels["train"].to(device),
        "test_label": labels["test"].to(device),
    }


def _normalize(split: dict[str, Tensor]) -> dict[str, Tensor]:
    mean, std = split["train"].mean(0, keepdim=True), split["train"].std(0, keepdim=True)
    return {name: (values - mean) / std for name, values in split.items()}
