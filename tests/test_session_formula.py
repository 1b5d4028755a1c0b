"""Outputs of trained networks as formulas, against the networks and against what they learnt."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from kan_widget import KAN, Session, adaptive_prune, create_dataset
from kan_widget.report import formula
from tests.core.test_expression import read


@pytest.fixture(scope="module")
def data() -> dict[str, torch.Tensor]:
    return create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), n_var=2)


@pytest.fixture(scope="module")
def pruned(data: dict[str, torch.Tensor]) -> KAN:
    model = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
    model.fit(data, steps=20, lamb=0.01, lamb_entropy=10.0, progress=False)
    return adaptive_prune(model, data, budget=0.02, progress=False).model


def answers(model: KAN, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(x)[:, 0].double().numpy()


def test_demo_of_pykan_is_read_off_the_pruned_network(pruned: KAN, data: dict[str, torch.Tensor]) -> None:
    found = Session(pruned, data).formula()
    assert re.fullmatch(r"(1|0\.99)?\S* ?exp\((0\.99\d |1 )?sin\(3\.1[345] x1.*\) \+ .*x2.*\^2\).*", found.text)
    assert [link.closest.name for link in found.links if link.closest] == ["sin", "x^2", "exp"]
    assert (found.rows, found.count, found.unnamed) == ("test", 1000, [])
    x = data["test_input"].double().numpy()
    truth = answers(pruned, data["test_input"])
    for said in (found(x), read(found.text, x)):
        assert 1 - ((said - truth) ** 2).mean() / truth.var() == pytest.approx(found.r2, abs=1e-6)
    assert found.r2 > 0.9995
    assert np.abs(read(found.text, x) - data["test_label"][:, 0].numpy()).max() < 0.1


def test_untrained_network_claims_nothing_that_is_not_so(data: dict[str, torch.Tensor]) -> None:
    model = KAN(width=[2, 3, 1], grid=8, seed=3)
    with torch.no_grad():
        for layer in model.layers:
            layer.coef.copy_(torch.randn(layer.coef.shape, generator=torch.Generator().manual_seed(1)))
    session = Session(model, data)
    found = session.formula()
    assert len(found.unnamed) >= 6
    assert all(link.closest is None or link.closest.r2 < 0.99 for link in found.unnamed)
    x = data["test_input"].double().numpy()
    truth = answers(model, data["test_input"])
    assert 1 - ((found(x) - truth) ** 2).mean() / truth.var() == pytest.approx(found.r2, abs=1e-6)
    assert found.r2 > 0.97


def test_formula_is_of_the_network_now_and_changes_nothing(pruned: KAN, data: dict[str, torch.Tensor]) -> None:
    model = pruned.copy()
    session = Session(model, data)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (edge,) = [e for e in session.topology.edges() if session.active[e.layer][e.target, e.source] and e.source == 1][:1]
    session.prune([edge])
    session.formula()
    assert "x2" not in session.formula("y").text
    session.undo()
    assert "x2" in session.formula().text
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert session.revision == 2


def test_formula_of_a_compacted_network_has_the_inputs_that_it_reads() -> None:
    x = torch.rand(300, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    data = (x, torch.sin(2 * x[:, [2]]))
    model = KAN([3, 1], grid=5, seed=0)
    model.fit(data, steps=20, progress=False)
    for i in (0, 1):
        model.remove_edge(0, i, 0)
    found = Session(model.compact(), data).formula()
    assert re.fullmatch(r"sin\(2 x3\)", found.text)
    assert found(np.array([[0.5]])) == pytest.approx(np.sin(1.0), abs=0.01)


def test_formula_of_a_model_is_that_of_a_session(pruned: KAN, data: dict[str, torch.Tensor]) -> None:
    before = {name: value.clone() for name, value in pruned.state_dict().items()}
    session = Session(pruned.copy(), data)
    assert str(formula(pruned, data)) == str(formula(session, None)) == str(session.formula())
    assert formula(pruned, data["train_input"]).rows == "train"
    assert all(torch.equal(before[name], value) for name, value in pruned.state_dict().items())


@pytest.mark.parametrize(
    "options",
    [{"output": 1}, {"output": -1}, {"output": "z"}, {"output": True}, {"output": 0.0}, {"least": 0}, {"least": 1.5}],
)
def test_formula_refuses_what_is_not_there(pruned: KAN, data: dict[str, torch.Tensor], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"output must be one of y|least must be"):
        Session(pruned.copy(), data).formula(**options)


def test_copy_at_is_the_model_as_it_was(pruned: KAN, data: dict[str, torch.Tensor]) -> None:
    model = pruned.copy()
    session = Session(model, data, compensate="least_squares")
    then = answers(model, data["test_input"])
    session.set_sparsity(0.1)
    session.prune(
        [next(e for e in session.topology.edges() if session.active[e.layer][e.target, e.source] and e.layer == 0)]
    )
    now = answers(model, data["test_input"])
    inputs = data["test_input"].numpy()
    assert not np.allclose(then, now)
    assert np.array_equal(session.copy_at(0).predict(inputs)[:, 0], then)
    assert np.array_equal(session.copy_at(session.history.position).predict(inputs)[:, 0], now)
    assert np.array_equal(answers(model, data["test_input"]), now)
    with pytest.raises(ValueError, match="history has states"):
        session.copy_at(9)


def test_formula_takes_a_number_of_numpy_and_refuses_what_is_no_r2() -> None:
    x = torch.rand(60, 1, generator=torch.Generator().manual_seed(0))
    session = Session(KAN([1, 1], seed=0), (x, x))
    assert session.formula(np.int64(0)).text == session.formula(0).text
    with pytest.raises(TypeError, match="least must be a number; got str"):
        session.formula(least="a")  # type: ignore[arg-type]
