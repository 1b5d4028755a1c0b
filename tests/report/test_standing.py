"""Metrics of three states against scikit-learn's on predictions of models that were copied by hand."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, r2_score, recall_score

from kan_widget import KAN, Session, compare
from kan_widget.report import Standing, standing

X = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.sin(2 * X[:, [0]]) + X[:, [1]] ** 2
CLASSES = (X[:, 0] > 0).long() + (X[:, 1] > 0.5).long()
NIGHT = X[300:, 2] > 0.2
DATA = (X[:300], Y[:300], X[300:], Y[300:])
LABELLED = (X[:300], CLASSES[:300], X[300:], CLASSES[300:])


@pytest.fixture
def fitted() -> KAN:
    model = KAN([3, 3, 1], seed=0)
    model.fit(DATA, steps=8, progress=False)
    return model


@pytest.fixture
def classifier() -> KAN:
    model = KAN([3, 4, 3], seed=0)
    model.fit(LABELLED, opt="Adam", lr=0.05, steps=40, progress=False)
    return model


@torch.no_grad()
def answers(model: KAN, x: torch.Tensor) -> np.ndarray:
    return model(x).double().numpy()


def test_metrics_of_each_state_are_sklearns(fitted: KAN) -> None:
    session = Session(fitted, DATA, slices={"night": NIGHT}, compensate="least_squares")
    models = {"dense": fitted.copy()}
    session.prune([(0, 2, 0), (0, 0, 1)])
    models["last"] = fitted.copy()
    session.prune([(0, 1, 2)])
    models["now"] = fitted.copy()
    found = standing(session, draws=20)
    assert (found.states, found.step) == (("dense", "last", "now"), "prune edge x2 to h3")
    rows = {"test": (X[300:], Y[300:]), "train": (X[:300], Y[:300]), "night": (X[300:][NIGHT], Y[300:][NIGHT])}
    assert list(found) == list(rows)
    for name, (x, y) in rows.items():
        assert found[name].count == len(x)
        for state, model in models.items():
            said, truth = answers(model, x), y.numpy()
            assert found[name].metrics[state]["r2"] == pytest.approx(r2_score(truth, said), abs=1e-6)
            assert found[name].metrics[state]["rmse"] == pytest.approx(((said - truth) ** 2).mean() ** 0.5, rel=1e-5)
        by = found[name].metrics
        assert found[name].change["rmse"].value == pytest.approx(by["now"]["rmse"] - by["dense"]["rmse"])


def test_classes_are_ordered_by_damage(classifier: KAN) -> None:
    dense = classifier.copy()
    session = Session(classifier, LABELLED, slices={"night": NIGHT})
    session.set_sparsity(0.2)
    found = standing(session, draws=50)
    truth, said = CLASSES[300:].numpy(), answers(classifier, X[300:])
    now = found["test"].metrics["now"]
    assert now["accuracy"] == accuracy_score(truth, said.argmax(1))
    p = np.exp(said) / np.exp(said).sum(1, keepdims=True)
    assert now["log_loss"] == pytest.approx(log_loss(truth, p))
    before, after = (recall_score(truth, answers(m, X[300:]).argmax(1), average=None) for m in (dense, classifier))
    order = [classifier.out_vars[i] for i in np.argsort(after - before, kind="stable")]
    assert found["test"].by_damage() == order
    parts = found["test"].parts
    assert [parts[name].values["now"] for name in classifier.out_vars] == pytest.approx(after)
    assert [parts[name].count for name in classifier.out_vars] == np.bincount(truth).tolist()


def test_parts_and_intervals_are_those_of_compare(classifier: KAN) -> None:
    dense = classifier.copy()
    session = Session(classifier, LABELLED)
    session.set_sparsity(0.2)
    found = standing(session, draws=100, seed=3)["test"]
    other = compare(dense, classifier, LABELLED, control=0, seconds=0, draws=100, seed=3)
    assert found.by_damage() == other.by_damage()
    assert found.change["accuracy"] == other["accuracy"].difference
    for name, part in found.parts.items():
        assert part.change == other.parts[name]["recall"].difference


def test_at_the_start_there_is_no_last_state(fitted: KAN) -> None:
    found = standing(Session(fitted, DATA), draws=5)
    assert (found.states, found.step) == (("dense", "now"), None)
    assert found["test"].change["rmse"].value == 0


def test_start_is_not_called_dense_where_edges_were_off(fitted: KAN) -> None:
    fitted.remove_edge(0, 0, 0)
    assert standing(Session(fitted, DATA), draws=5).states[0] == "start"


def test_measuring_changes_nothing(fitted: KAN) -> None:
    session = Session(fitted, DATA)
    session.prune([(0, 0, 1)])
    before = {name: value.clone() for name, value in fitted.state_dict().items()}
    standing(session, draws=5)
    assert all(torch.equal(before[name], value) for name, value in fitted.state_dict().items())
    assert (session.revision, len(session.history.steps)) == (1, 2)


def test_result_prints_tabulates_and_draws_itself(classifier: KAN) -> None:
    session = Session(classifier, LABELLED, slices={"night": NIGHT})
    session.prune(nodes=[(1, 0)])
    found = standing(session, draws=20)
    assert isinstance(found, Standing)
    said = repr(found)
    assert "the last step was 'prune node h1'" in said
    assert "night accuracy" in said
    frame = found.to_frame()
    assert set(frame["rows"]) == {"test", "train", "night"}
    line = frame[(frame["rows"] == "night") & (frame["metric"] == "accuracy")].iloc[0]
    assert line["now"] - line["dense"] == pytest.approx(line["change"])
    assert found.plot("night").get_xlabel() == "recall on night rows"
    plt.close("all")
    with pytest.raises(ValueError, match="rows must be one of test, train, night"):
        found.plot("day")


def test_standing_needs_labels(fitted: KAN) -> None:
    with pytest.raises(ValueError, match=r"needs? labels"):
        standing(Session(fitted, X))
    with pytest.raises(ValueError, match="draws"):
        standing(Session(fitted, DATA), draws=0)


# Slices


@pytest.mark.parametrize(
    "rows",
    [NIGHT, NIGHT.numpy(), NIGHT.nonzero()[:, 0], NIGHT.nonzero()[:, 0].tolist(), (X[300:][NIGHT], Y[300:][NIGHT])],
)
def test_slices_of_all_forms_are_the_same_rows(fitted: KAN, rows: Any) -> None:
    found = Session(fitted, DATA, slices={"night": rows}).slices["night"]
    assert np.array_equal(found.inputs, X[300:][NIGHT].numpy())
    assert found.labels is not None
    assert np.array_equal(found.labels, Y[300:][NIGHT].numpy())


def test_slices_are_of_training_rows_where_there_are_no_others(fitted: KAN) -> None:
    found = Session(fitted, (X, Y), slices={"first": slice(10), "odd": range(1, 400, 2)}).slices
    assert np.array_equal(found["first"].inputs, X[:10].numpy())
    assert np.array_equal(found["odd"].inputs, X[1::2].numpy())


@pytest.mark.parametrize(
    ("slices", "error", "said"),
    [
        ([NIGHT], TypeError, "slices must be a dict"),
        ({1: NIGHT}, TypeError, "names of slices are texts"),
        ({"": NIGHT}, ValueError, "1 to 60 characters"),
        ({"n" * 61: NIGHT}, ValueError, "1 to 60 characters"),
        ({"Test": NIGHT}, ValueError, "names rows already"),
        ({str(i): [0] for i in range(21)}, ValueError, "there may be 20 slices; got 21"),
        (
            {"a": X[:, 0] > 0},
            ValueError,
            r"mask of 400 rows, and there are 100 held-out rows; for others give \(x, y\)",
        ),
        ({"a": [0, 100]}, ValueError, "row 100 of 100 held-out rows"),
        ({"a": [-101]}, ValueError, "row -101 of 100"),
        ({"a": [3, 3]}, ValueError, "names a row twice"),
        ({"a": [99, -1]}, ValueError, "names a row twice"),
        ({"a": []}, ValueError, "has no rows"),
        ({"a": ~torch.ones(100, dtype=torch.bool)}, ValueError, "has no rows"),
        ({"a": [0.5]}, TypeError, "mask or numbers"),
        ({"a": "night"}, TypeError, "mask or numbers"),
        ({"a": 3}, TypeError, "mask or numbers"),
        ({"a": X[:5]}, TypeError, "mask or numbers"),
        ({"a": (X[:5, :2], Y[:5])}, ValueError, r"slice 'a'.*x must be \(rows, 3\)"),
        ({"a": (X[:5], Y[:4])}, ValueError, "slice 'a'.*y must have one row"),
        ({"a": (X[:5], CLASSES[:5])}, ValueError, "slice 'a'"),
        ({"a": (X[:5] * float("nan"), Y[:5])}, ValueError, "slice 'a'.*NaN"),
    ],
)
def test_slices_refuse_what_they_cannot_be(fitted: KAN, slices: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Session(fitted, DATA, slices=slices)


def test_slices_of_another_kind_of_labels_are_refused(classifier: KAN) -> None:
    with pytest.raises(ValueError, match="has targets as labels, and the data have classes"):
        Session(classifier, LABELLED, slices={"a": (X[:5], torch.rand(5, 3))})
    with pytest.raises(ValueError, match="the data have none"):
        Session(classifier, X, slices={"a": [0]})


def test_seed_that_is_drawn_is_the_same_for_both_ends_of_a_change(fitted: KAN) -> None:
    session = Session(fitted, DATA)
    session.prune([(0, 2, 0)])
    session.restore([(0, 2, 0)])
    for change in standing(session, draws=50, seed=None)["test"].change.values():
        assert change.low == change.value == change.high == 0


def test_seed_may_be_drawn_for_a_comparison(fitted: KAN) -> None:
    found = compare(fitted, fitted.copy(), DATA, seconds=0, draws=50, seed=None)
    assert found["rmse"].difference.low == found["rmse"].difference.high == 0
    smaller = fitted.copy()
    smaller.remove_edge(0, 2, 0, data=DATA)
    assert len(compare(fitted, smaller, DATA, seconds=0, draws=50, control=2, seed=None).control.metrics) == 2


def test_slice_names_the_row_that_is_not_there(fitted: KAN) -> None:
    with pytest.raises(ValueError, match="asks for row 9223372036854775808 of 100 held-out rows"):
        Session(fitted, DATA, slices={"far": np.array([2**63], dtype=np.uint64)})
