"""Whatever form data come in, and what is said of data that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from kan_widget import create_dataset
from kan_widget.nn.datasets import Data, as_data
from kan_widget.nn.network import Network

X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(1, keepdim=True)
CLASSES = torch.arange(12) % 3


def model(outputs: int = 1) -> Network:
    return Network([2, outputs], seed=0)


@pytest.mark.parametrize(
    "form",
    [
        (X, Y),
        [X, Y],
        (X.numpy(), Y.numpy()),
        (X.double().numpy(), Y.double().numpy()),
        (X.double(), Y.double()),
        (X, Y.squeeze(1)),
        (X.numpy(), Y.squeeze(1).numpy()),
        {"train_input": X, "train_label": Y},
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=5),
        (pd.DataFrame(X.numpy(), columns=["a", "b"]), pd.Series(Y.squeeze(1).numpy())),
        (X.numpy()[::-1][::-1], np.asfortranarray(Y.numpy())),
        Data(X, Y),
    ],
    ids=lambda form: type(form).__name__,
)
def test_every_form_becomes_the_same_tensors(form: Any) -> None:
    data = model().coerce(form, need_labels=True)
    torch.testing.assert_close(data.train_input, X)
    torch.testing.assert_close(data.train_label, Y)
    assert data.test_input is None
    assert not data.is_classification


@pytest.mark.parametrize(
    "form",
    [
        (X[:8], Y[:8], X[8:], Y[8:]),
        {"train_input": X[:8], "train_label": Y[:8], "test_input": X[8:], "test_label": Y[8:]},
    ],
    ids=["tuple", "dict"],
)
def test_held_out_rows_are_told_apart(form: Any) -> None:
    data = model().coerce(form)
    assert torch.equal(data.train_input, X[:8])
    assert torch.equal(data.test_input, X[8:])
    assert torch.equal(data.test_label, Y[8:])


def test_inputs_alone_are_enough_where_no_labels_are_needed() -> None:
    for form in (X, X.numpy(), pd.DataFrame(X.numpy())):
        data = model().coerce(form)
        assert torch.equal(data.train_input, X)
        assert data.train_label is None
    with pytest.raises(ValueError, match=r"labels are needed here; give \(x, y\) or a dict"):
        model().coerce(X, need_labels=True)


@pytest.mark.parametrize(
    "labels", [CLASSES, CLASSES.int(), CLASSES.unsqueeze(1), CLASSES.numpy(), CLASSES.to(torch.uint8)]
)
def test_integer_labels_are_classes(labels: Any) -> None:
    data = model(3).coerce((X, labels))
    assert data.is_classification
    assert torch.equal(data.train_label, CLASSES)


def test_booleans_are_numbers() -> None:
    data = model().coerce((X, CLASSES == 1))
    assert not data.is_classification
    assert torch.equal(data.train_label, (CLASSES == 1).float().unsqueeze(1))


def test_integer_inputs_are_numbers() -> None:
    assert model().coerce(np.arange(6).reshape(3, 2)).train_input.dtype == torch.float32


def with_bad(value: float, row: int = 7) -> torch.Tensor:
    bad = X.clone()
    bad[row, 1] = value
    return bad


@pytest.mark.parametrize(
    ("outputs", "form", "error", "message"),
    [
        (1, (torch.rand(12, 3), Y), ValueError, r"train_input must be \(rows, 2\) for this network; got \(12, 3\)"),
        (1, (X[:, 0], Y), ValueError, r"train_input must be \(rows, 2\) for this network; got \(12,\)"),
        (1, (with_bad(float("nan")), Y), ValueError, "train_input has 1 values that are NaN or infinite.*row 7"),
        (1, (with_bad(float("inf")), Y), ValueError, "NaN or infinite, the first in row 7; drop or fill"),
        (1, (X, with_bad(float("-inf"), 3)[:, 1]), ValueError, "train_label has 1 values.*row 3"),
        (1, (X[:0], Y[:0]), ValueError, "train_input is empty"),
        (1, (X, Y[:5]), ValueError, r"train_label must have one row for each of the 12 inputs; got \(5, 1\)"),
        (1, (X, torch.tensor(1.0)), ValueError, r"one row for each of the 12 inputs; got \(\)"),
        (2, (X, Y), ValueError, r"train_label must be \(12, 2\) for this network; got \(12, 1\)"),
        (2, (X, Y.squeeze(1)), ValueError, r"train_label must be \(12, 2\) for this network; got \(12, 1\)"),
        (1, (X, torch.rand(12, 1, 1)), ValueError, r"train_label must be \(12, 1\)"),
        (1, (X, CLASSES * 0), ValueError, "integers, which are classes and need at least 2 outputs; for regression"),
        (2, (X, CLASSES), ValueError, "classes 0 to 2, and the network has 2 outputs: classes 0 to n - 1 need n"),
        (3, (X, CLASSES - 1), ValueError, "train_label holds classes -1 to 1"),
        (3, (X, torch.stack([CLASSES, CLASSES], 1)), ValueError, r"classes, one a row; train_label is \(12, 2\)"),
        (1, (X, Y, X[:, :1], Y), ValueError, r"test_input must be \(rows, 2\)"),
        (1, (X, Y, X, Y[:3]), ValueError, "test_label must have one row for each"),
        (1, {"train_label": Y}, ValueError, "a dataset dict needs train_input; it has train_label"),
        (1, {}, ValueError, "it has no keys"),
        (1, {"train_input": None}, ValueError, "train_input is missing"),
        (1, (X, Y, X), TypeError, "got tuple of length 3"),
        (1, "data.csv", TypeError, "data must be a dict with train_input.*got str"),
        (1, None, TypeError, "got NoneType"),
        (1, np.array([["a", "b"]]), TypeError, "train_input must hold numbers; got an array of dtype <U1"),
        (1, TensorDataset(X), TypeError, r"must give pairs \(x, y\)"),
        (1, DataLoader(TensorDataset(X[:0], Y[:0])), ValueError, "the dataset is empty"),
    ],
)
def test_refusals_say_what_was_wrong(outputs: int, form: Any, error: type[Exception], message: str) -> None:
    network = model(outputs)
    with pytest.raises(error, match=message):
        network.coerce(form)
    with pytest.raises(error, match=message):
        network.fit(form, steps=1, progress=False)
    assert network.data is None


def test_data_are_not_copied_or_changed_without_need() -> None:
    assert model().coerce((X, Y)).train_input.data_ptr() == X.data_ptr()
    array = X.double().numpy()
    kept = array.copy()
    model().coerce(array)
    np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"f_mode": "rows"}, "f_mode must be 'col' or 'row'; got 'rows'"),
        ({"ranges": [[0, 1]]}, r"ranges must be \(low, high\) or 2 such pairs; got shape \(1, 2\)"),
        ({"ranges": [0, 1, 2]}, "ranges must be"),
    ],
)
def test_create_dataset_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_dataset(lambda x: x[:, [0]], n_var=2, **options)


def test_create_dataset_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    first = create_dataset(lambda x: x[:, 0], n_var=2, seed=1, train_num=5, test_num=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert {name: tuple(t.shape) for name, t in first.items()} == {
        "train_input": (5, 2),
        "test_input": (3, 2),
        "train_label": (5, 1),
        "test_label": (3, 1),
    }


def test_frame_of_mixed_columns_is_taken_as_floats() -> None:
    frame = pd.DataFrame({"a": [0.5, 1.0, 2.0], "b": [True, False, True], "c": pd.array([1, 2, 3], dtype="Int64")})
    data = as_data(frame, in_features=3, out_features=1, dtype=torch.float32, device=torch.device("cpu"))
    assert data.train_input.tolist() == [[0.5, 1.0, 1.0], [1.0, 0.0, 2.0], [2.0, 1.0, 3.0]]
    frame["c"] = pd.array([1, None, 3], dtype="Int64")
    with pytest.raises(ValueError, match="NaN"):
        as_data(frame, in_features=3, out_features=1, dtype=torch.float32, device=torch.device("cpu"))
    frame["c"] = ["x", "y", "z"]
    with pytest.raises(TypeError, match="train_input must hold numbers"):
        as_data(frame, in_features=3, out_features=1, dtype=torch.float32, device=torch.device("cpu"))


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_booleans_one_a_row_are_classes_where_there_are_several_outputs(shape: tuple[int, ...]) -> None:
    labels = torch.tensor([True, False, True, True, False, True])
    data = Network([2, 2], seed=0).coerce((torch.rand(6, 2), labels.reshape(shape)))
    assert torch.equal(data.train_label, labels.long())


def test_labels_of_too_few_columns_are_told_of_classes() -> None:
    with pytest.raises(ValueError, match=r"must be \(6, 2\).*got \(6, 1\); classes are whole numbers"):
        Network([2, 2], seed=0).coerce((torch.rand(6, 2), torch.rand(6)))
