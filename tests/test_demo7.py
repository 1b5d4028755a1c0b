"""pykan's "Demo 7: Pruning" as written (docs/API_demo/API_7_pruning.rst of pykan v0.0.5, MIT), and its names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kan_widget import KAN, create_dataset

DEMO = Path(__file__).parent / "golden" / "pykan_demo7.rst"


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def dataset() -> dict[str, torch.Tensor]:
    return create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), n_var=2)


@pytest.fixture(scope="module")
def trained(dataset: dict[str, torch.Tensor]) -> KAN:
    model = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
    model.fit(dataset, steps=20, lamb=0.01, lamb_entropy=10.0, progress=False)
    return model


def rmse(model: KAN, data: dict[str, torch.Tensor]) -> float:
    with torch.no_grad():
        return float((model(data["test_input"]) - data["test_label"]).square().mean().sqrt())


def bits(model: KAN) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def cells() -> list[str]:
    blocks = re.findall(r"\.\. code:: ipython3\n\n((?:    .*\n|\s*\n)+)", DEMO.read_text())
    return [re.sub(r"(?m)^    ", "", block) for block in blocks]


def test_demo7_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook: dict[str, Any] = {}
    widths, drawn = [], []
    for cell in cells():
        exec(cell.replace("from kan import *", "import torch\nfrom kan_widget import *"), notebook)
        widths.append(notebook["model"].width)
        drawn.append(
            [sum(len(c.get_paths()) for c in f.axes[0].collections) for f in map(plt.figure, plt.get_fignums())]
        )
        plt.close("all")
    assert len(widths) == 7
    assert all(w[0] == 2 and w[-1] == 1 for w in widths)
    assert widths[0][1] <= widths[1][1]  # a smaller threshold leaves at least as many hidden nodes
    assert widths[-1] == [2, 1, 1]
    assert [len(figures) for figures in drawn] == [1, 1, 0, 1, 0, 1, 1]
    assert drawn[1] > drawn[3] > drawn[5] > drawn[6]  # each picture has fewer edges
    assert list(tmp_path.iterdir()) == []


def test_prune_keeps_what_the_rule_keeps_and_the_function(trained: KAN, dataset: dict[str, torch.Tensor]) -> None:
    before = bits(trained)
    x = dataset["train_input"]
    values = [
        layer.edge_values(v).abs().mean(-1) for layer, v in zip(trained.layers, activations(trained, x), strict=True)
    ]
    strongest = torch.minimum(values[0].amax(1), values[1].amax(0))
    threshold = float(strongest.sort().values[2]) * 1.0001  # three of five go
    smaller = trained.prune(threshold=threshold)
    assert smaller.width == [2, 2, 1]
    kept = [f"h{i + 1}" for i in (strongest > threshold).nonzero().squeeze(1).tolist()]
    assert smaller.names == [["x1", "x2"], kept, ["y"]]
    assert same(bits(trained), before)
    assert rmse(smaller, dataset) < 1.3 * rmse(trained, dataset)
    bare = trained.prune(threshold=threshold, compensate="none")
    assert rmse(smaller, dataset) <= rmse(bare, dataset)


def activations(model: KAN, x: torch.Tensor) -> list[torch.Tensor]:
    values = [model.input_nodes(x)]
    with torch.no_grad():
        for layer in model.layers[:-1]:
            values.append(layer.transform(values[-1]))
    return values


def test_prune_by_hand_takes_both_forms_of_ids(trained: KAN, dataset: dict[str, torch.Tensor]) -> None:
    old_form = trained.prune(mode="manual", active_neurons_id=[[0, 1], [2, 4], [0]])
    new_form = trained.prune_node(mode="manual", active_neurons_id=[[2, 4]])
    assert old_form.width == new_form.width == [2, 2, 1]
    assert same(bits(old_form), bits(new_form))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (None, "needs active_neurons_id"),
        ([[0], [1]], "3 lists, one per node layer, or 1, one per hidden layer; got 2 lists"),
        ([[7]], r"hidden layer 1 has nodes 0\.\.4; got 7"),
        ([[]], "leaves nothing of hidden layer 1"),
    ],
)
def test_prune_by_hand_refuses_ids_that_fit_neither_form(trained: KAN, ids: Any, words: str) -> None:
    before = bits(trained)
    with pytest.raises(ValueError, match=words):
        trained.prune(mode="manual", active_neurons_id=ids)
    assert same(bits(trained), before)


def test_prune_refuses_to_empty_a_layer(trained: KAN) -> None:
    with pytest.raises(ValueError, match="would remove every node of hidden layer 1; its largest L1 is"):
        trained.prune(threshold=1e3)
    with pytest.raises(ValueError, match="mode must be"):
        trained.prune(mode="automatic")


def test_prune_without_data_says_how_to_give_them() -> None:
    model = KAN([2, 3, 1], seed=0)
    with pytest.raises(ValueError, match="pass data=x"):
        model.prune()
    assert model.prune(threshold=1e-6, data=torch.rand(50, 2)).width == [2, 3, 1]


def test_remove_edge_and_node_mask_in_place_and_keep_means(trained: KAN, dataset: dict[str, torch.Tensor]) -> None:
    model = trained.copy()
    weights = {k: v for k, v in bits(model).items() if "mask" not in k and "fill" not in k}
    model.remove_edge(0, 1, 3)
    assert not model.layers[0].mask[3, 1]
    assert int(model.layers[0].mask.sum()) == 9
    expected = trained.layers[0].edge_values(dataset["train_input"].T.contiguous())[3, 1].mean()
    assert torch.allclose(model.layers[0].fill[3, 1], expected, atol=1e-6)
    model.remove_node(1, 0, mode="down")
    assert not model.layers[0].mask[0].any()
    assert bool(model.layers[1].mask[0, 0])
    model.remove_node(1, 0)
    assert not model.layers[1].mask[0, 0]
    assert same({k: v for k, v in bits(model).items() if k in weights}, weights)
    fresh = KAN([2, 2, 1], seed=0)
    fresh.remove_edge(0, 0, 1, compensate="none")
    assert not fresh.layers[0].mask[1, 0]


def test_prune_edge_masks_in_place_by_attribution(trained: KAN) -> None:
    model = trained.copy()
    scores = model.edge_scores
    assert model.prune_edge(threshold=0.1) is None
    for layer, score in zip(model.layers, scores, strict=True):
        assert torch.equal(layer.mask, score >= 0.1)
    with pytest.raises(ValueError, match="cut y off"):
        model.prune_edge(threshold=1e6)


def test_prune_input_reads_fewer_columns_of_the_same_data(dataset: dict[str, torch.Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(300, 4, generator=generator) * 2 - 1
    y = x[:, [1]] ** 2 + x[:, [3]]
    model = KAN([4, 3, 1], seed=1)
    model.fit((x, y), steps=15, lamb=0.001, progress=False)
    smaller = model.prune_input(active_inputs=[1, 3])
    assert smaller.width == [2, 3, 1]
    assert smaller.names[0] == ["x2", "x4"]
    assert smaller.in_features == 4
    with torch.no_grad():
        assert (smaller(x) - y).square().mean() < 2 * (model(x) - y).square().mean() + 1e-3
    again = smaller.prune_input(active_inputs=[1])
    assert again.names[0] == ["x4"]
    changed = x.clone()
    changed[:, :3] = 0
    with torch.no_grad():
        assert torch.equal(again(changed), again(x))
    by_score = model.prune_input(threshold=float(model.feature_score.sort().values[2]))
    assert by_score.names[0] == ["x2", "x4"]


def test_attribution_is_by_input_node_and_edge(trained: KAN) -> None:
    assert trained.feature_score.shape == (2,)
    assert torch.equal(trained.attribute(), trained.feature_score)
    assert [tuple(s.shape) for s in trained.node_scores] == [(2,), (5,), (1,)]
    assert [tuple(s.shape) for s in trained.edge_scores] == [(5, 2), (1, 5)]
    assert trained.attribute(1).shape == (5, 2)
    assert torch.equal(trained.attribute(1, 2), trained.attribute(1)[2])
    assert torch.allclose(trained.attribute(1).sum(0), trained.feature_score, rtol=1e-5)
    assert torch.allclose(trained.attribute(out_score=[2.0]), 2 * trained.feature_score)
    with pytest.raises(ValueError, match=r"node layer 1\.\.2"):
        trained.attribute(5)


def test_train_means_mode_for_a_bool_and_fit_for_data(dataset: dict[str, torch.Tensor]) -> None:
    model = KAN([2, 2, 1], seed=0)
    assert model.train() is model
    assert model.training
    assert model.eval() is model
    assert not model.training
    result = model.train(dataset, opt="LBFGS", steps=2, progress=False)
    assert len(result["train_loss"]) == 2


def test_plot_is_one_figure_without_files(
    trained: KAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: dict[str, torch.Tensor]
) -> None:
    monkeypatch.chdir(tmp_path)
    figure = trained.plot(in_vars=["a", "b"], out_vars=["f"], title="A title", metric="forward_n")
    assert plt.get_fignums() == [figure.number]
    words = [text.get_text() for text in figure.axes[0].texts] + [figure.axes[0].get_title()]
    assert words == ["a", "b", "f", "A title"]
    figure.canvas.draw()
    assert len(np.unique(np.asarray(figure.canvas.buffer_rgba())[..., 0])) > 10
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="metric must be"):
        trained.plot(metric="sideways")
    with pytest.raises(ValueError, match="names must be"):
        trained.plot(in_vars=["a"])


def test_plot_leaves_pruned_edges_out(trained: KAN) -> None:
    model = trained.copy()
    count = [sum(len(c.get_paths()) for c in m.plot().axes[0].collections) for m in (model,)]
    model.remove_edge(0, 0, 1)
    count.append(sum(len(c.get_paths()) for c in model.plot().axes[0].collections))
    assert count[0] - count[1] == 4  # two links, a box and a curve
