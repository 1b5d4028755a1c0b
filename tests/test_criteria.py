"""Criteria against brute force and against each other: what the loss would be without each part."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from torch import Tensor

from kan_widget import KAN, KANWidget, Session
from kan_widget.core.log import Log
from kan_widget.core.scores import CRITERIA, Scores, random_scores, register_criterion

Task = tuple[KAN, Tensor, Tensor]


def task(width: list[int], classes: bool = False, seed: int = 0) -> Task:
    generator = torch.Generator().manual_seed(seed)
    model = KAN(width, grid=3, k=3, seed=seed, dtype=torch.float64)
    x = torch.rand(120, width[0], generator=generator, dtype=torch.float64) * 2 - 1
    score = torch.sin(3 * x[:, 0]) + x[:, -1] ** 2
    y = (score > score.median()).long() if classes else score.unsqueeze(1).repeat(1, width[-1])
    model.fit((x, y), opt="Adam", lr=0.02, steps=30, progress=False)
    return model, x, y


def loss(model: KAN, x: Tensor, y: Tensor) -> Tensor:
    if y.is_floating_point():
        return (model(x) - y).square().mean(dim=1)
    return torch.nn.functional.cross_entropy(model(x), y, reduction="none")


def without(model: KAN, edges: list[tuple[int, int, int]], means: tuple[np.ndarray, ...]) -> KAN:
    twin = model.copy()
    for layer, source, target in edges:
        if twin.layers[layer].mask[target, source]:
            twin.layers[layer].mask[target, source] = False
            twin.layers[layer].fill[target, source] = means[layer][target, source]
    return twin


@pytest.mark.parametrize("width", [[2, 3, 2], [3, 4, 3, 2], [3, 2]])
@pytest.mark.parametrize("classes", [False, True])
def test_leave_one_out_is_the_change_of_the_loss(width: list[int], classes: bool) -> None:
    model, x, y = task(width, classes)
    model.layers[0].mask[1, 0] = False  # a network that has been pruned already
    session = Session(model, (x, y))
    evidence, means = session.evidence, session.trace.mean
    with torch.no_grad():
        base = loss(model, x, y)
        for edge in session.topology.edges():
            layer, source, target = edge
            on = bool(model.layers[layer].mask[target, source])
            if on:
                change = loss(without(model, [edge], means), x, y) - base
            else:
                twin = model.copy()
                twin.layers[layer].mask[target, source] = True
                change = base - loss(twin, x, y)
            assert evidence.removal.edges[layer][target, source] == pytest.approx(change.mean().item(), abs=1e-10)
            error = change.std().item() / len(x) ** 0.5
            assert evidence.removal.edge_errors[layer][target, source] == pytest.approx(error, abs=1e-10)
        for layer in range(len(width)):
            for index in range(width[layer]):
                touching = session.topology.edges_at(session.topology.node((layer, index)))
                side = [e for e in touching if e.layer == min(layer, len(width) - 2)]
                change = (loss(without(model, side, means), x, y) - base).mean().item()
                assert evidence.removal.nodes[layer][index] == pytest.approx(change, abs=1e-10)


@pytest.mark.parametrize("classes", [False, True])
def test_curvature_is_that_of_the_loss_by_finite_differences(classes: bool) -> None:
    """First order and Gauss-Newton of an edge in the last layer, where the loss is that of a linear model."""
    model, x, y = task([2, 3, 2], classes)
    session = Session(model, (x, y))
    curvature, means = session.evidence.curvature, session.trace.mean
    step = 1e-4
    with torch.no_grad():
        for source in range(3):
            for target in range(2):
                values = []
                for share in (-step, 0.0, step):
                    twin = model.copy()
                    for part in (twin.layers[1].scale_base, twin.layers[1].scale_spline):
                        part[target, source] *= 1 - share
                    twin.layers[1].bias[target] += share * means[1][target, source]
                    values.append(loss(twin, x, y).mean().item())
                slope = (values[2] - values[0]) / (2 * step)
                bend = (values[2] - 2 * values[1] + values[0]) / step**2
                assert -curvature.first[1][target, source] == pytest.approx(slope, abs=1e-6)
                assert curvature.gauss_newton[1][target, source] == pytest.approx(bend, rel=1e-3, abs=1e-5)


def test_fisher_is_the_mean_squared_gradient_by_a_gate() -> None:
    model, x, y = task([2, 3, 1])
    session = Session(model, (x, y))
    edge = (0, 1, 2)
    gates = []
    for row, target in zip(x, y, strict=True):
        gate = torch.ones((), dtype=torch.float64, requires_grad=True)
        hidden = model.layers[0](row[None])
        phi = model.layers[0].edge_values(row[:, None].contiguous())[2, 1]
        moved = hidden.clone()
        moved[:, 2] = hidden[:, 2] + (gate - 1) * (phi - session.trace.mean[0][2, 1])
        value = (model.layers[1](moved) - target).square().mean()
        gates.append(torch.autograd.grad(value, gate)[0].item())
    layer, source, target_node = edge
    assert session.evidence.curvature.fisher[layer][target_node, source] == pytest.approx(np.square(gates).mean())
    assert session.evidence.curvature.first[layer][target_node, source] == pytest.approx(np.mean(gates))


def test_taylor2_ranks_as_leaving_one_out_does_and_magnitudes_do_not() -> None:
    table = load_diabetes()
    x = torch.as_tensor(table.data * 20)
    y = torch.as_tensor((table.target - table.target.mean()) / table.target.std()).unsqueeze(1)
    model = KAN([10, 8, 1], grid=3, seed=0, dtype=torch.float64)
    model.fit((x, y), opt="Adam", lr=0.02, steps=100, progress=False)
    session = Session(model, (x, y))

    def flat(criterion: str) -> np.ndarray:
        return np.concatenate([e.ravel() for e in session.scores_by(criterion).edges])

    exact = flat("leave_one_out")
    agreement = {name: spearmanr(exact, flat(name)).statistic for name in ("taylor2", "random", "coefficient", "auto")}
    assert agreement["auto"] == 1
    assert agreement["taylor2"] > 0.93
    assert agreement["taylor2"] > agreement["coefficient"] + 0.1
    assert abs(agreement["random"]) < 0.35


BLIND_TO_CONSTANTS = ["std", "taylor2", "leave_one_out", "gradient", "fisher", "gauss_newton", "obs", "obs_greedy"]


@pytest.mark.parametrize("criterion", BLIND_TO_CONSTANTS)
def test_constant_moved_from_an_edge_to_the_bias_changes_no_score(criterion: str) -> None:
    model, x, y = task([2, 3, 1])
    with torch.no_grad():
        model.layers[0].coef[1, 0] += 0.7  # bases sum to one on the grid
        model.layers[0].bias[1] -= 0.7 * model.layers[0].scale_spline[1, 0]
    moved = Session(model, (x, y)).scores_by(criterion)
    with torch.no_grad():
        model.layers[0].coef[1, 0] -= 0.7
        model.layers[0].bias[1] += 0.7 * model.layers[0].scale_spline[1, 0]
    plain = Session(model, (x, y)).scores_by(criterion)
    for a, b in zip(moved.edges, plain.edges, strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_scoring_changes_nothing_and_gives_one_number_a_part(criterion: str) -> None:
    model, x, y = task([3, 4, 2], classes=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    session = Session(model, (x, y), criterion=criterion)
    scores = session.scores
    assert [e.shape for e in scores.edges] == [(4, 3), (2, 4)]
    assert [n.shape for n in scores.nodes] == [(3,), (4,), (2,)]
    assert all(np.isfinite(a).all() for a in (*scores.edges, *scores.nodes))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert session.plan.masks(scores)[0].all()  # a rule that takes nothing, though some scores are negative


def test_scores_asked_for_late_are_of_the_moment_of_capture() -> None:
    model, x, y = task([2, 4, 1])
    early, late = Session(model.copy(), (x, y)), Session(model, (x, y))
    expected = early.scores_by("leave_one_out")
    late.prune([(0, 0, 0), (0, 1, 2)])
    model.fit((x, y), steps=1, progress=False)
    found = late.scores_by("leave_one_out")
    assert all(np.array_equal(a, b) for a, b in zip(expected.edges, found.edges, strict=True))
    assert not model.layers[0].mask[0, 0]


def test_scores_without_labels_are_of_the_distance_from_the_model_itself() -> None:
    model, x, _ = task([2, 3, 1])
    with torch.no_grad():
        own = model(x)
    unlabelled, labelled = Session(model, x), Session(model, (x, own))
    for criterion in ("leave_one_out", "taylor2", "obs"):
        for a, b in zip(unlabelled.scores_by(criterion).edges, labelled.scores_by(criterion).edges, strict=True):
            assert np.allclose(a, b)
            assert (a > -1e-12).all()


def test_criterion_of_ones_own_works_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_widget.core.scores.CRITERIA", dict(CRITERIA))

    def by_range(evidence: object) -> Scores:
        trace = evidence.trace  # type: ignore[attr-defined]
        edges = tuple(high - low for low, high in trace.curve_ranges())
        return Scores(edges, tuple(np.ones(n) for n in (2, 3, 1)))

    register_criterion("range", by_range)
    model, x, y = task([2, 3, 1])
    session = Session(model, (x, y), criterion="range")
    session.set_sparsity(0.2)
    assert sum(int((~m).sum()) for m in session.masks) == 2
    with pytest.raises(TypeError, match="a criterion is a function"):
        register_criterion("bad", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("criterion", ["obs", "obs_greedy", "shapley"])
def test_scores_that_take_long_are_of_the_moment_of_capture_too(criterion: str) -> None:
    model, x, y = task([2, 4, 1])
    early, late = Session(model.copy(), (x, y)), Session(model, (x, y))
    expected = early.scores_by(criterion)
    late.prune([(0, 0, 0), (0, 1, 2)])
    model.fit((x, y), steps=1, progress=False)
    assert all(map(np.array_equal, expected.edges, late.scores_by(criterion).edges))
    assert all(map(np.array_equal, expected.nodes, late.scores_by(criterion).nodes))


@pytest.mark.parametrize("criterion", ["obs", "obs_greedy"])
def test_node_has_the_sum_over_its_edges_that_are_on(criterion: str) -> None:
    model, x, y = task([3, 4, 2], classes=True)
    model.layers[1].mask[0, 2] = False
    scores = Session(model, (x, y)).scores_by(criterion)
    assert scores.edges[1][0, 2] > 0
    assert scores.nodes[1][2] == pytest.approx(scores.edges[1][1, 2])
    assert np.allclose(scores.nodes[0], scores.edges[0].sum(0))
    assert np.allclose(scores.nodes[2], (scores.edges[1] * [[1, 1, 0, 1], [1, 1, 1, 1]]).sum(1))


def test_obs_finds_a_copy_of_an_input_free_where_the_exact_change_does_not() -> None:
    model, x, _ = task([3, 4, 1])
    x[:, 2] = x[:, 1]
    y = x[:, 1:2] ** 2 + x[:, :1]
    model.fit((x, y), steps=5, progress=False)
    session = Session(model, (x, y))
    exact, refitted = session.scores_by("leave_one_out").nodes[0], session.scores_by("obs").nodes[0]
    assert exact[2] > 1e-3
    assert refitted[2] < 0.01 * exact[2]
    assert refitted[0] > 0.1 * exact[0]


def test_shapley_shares_of_edges_sum_to_the_value_of_their_source() -> None:
    model, x, y = task([3, 4, 2], classes=True)
    model.layers[1].mask[0, 2] = False
    model.layers[1].mask[:, 3] = False
    scores = Session(model, (x, y)).scores_by("shapley")
    for mask, edges, nodes in zip((layer.mask for layer in model.layers), scores.edges, scores.nodes, strict=False):
        assert np.allclose((mask.numpy() * edges).sum(0), nodes, atol=1e-7)
    assert scores.nodes[1][3] == 0
    for layer, n in enumerate((3, 4)):
        absent = [(layer, source, target) for source in range(n) for target in range(model.width[layer + 1])]
        rise = loss(without(model, absent, Session(model, (x, y)).trace.mean), x, y) - loss(model, x, y)
        assert scores.nodes[layer].sum() == pytest.approx(rise.mean().item(), rel=1e-5)


def test_errors_come_with_the_criteria_that_have_them() -> None:
    model, x, y = task([3, 13, 2], classes=True)
    session = Session(model, (x, y))
    exact, shapley = session.scores_by("leave_one_out"), session.scores_by("shapley")
    for scores in (exact, shapley, session.scores_by("auto")):
        assert scores.edge_errors is not None
        assert scores.node_errors is not None
        assert [e.shape for e in scores.edge_errors] == [e.shape for e in scores.edges]
        assert [n.shape for n in scores.node_errors] == [n.shape for n in scores.nodes]
        assert all((e >= 0).all() and e.any() for e in (*scores.edge_errors, *scores.node_errors))
    assert exact.edge_errors is session.evidence.removal.edge_errors
    found = session.evidence.shapley
    assert found.order_errors[1].all()
    assert not found.order_errors[0].any()
    assert shapley.node_errors is not None
    assert np.allclose(np.square(shapley.node_errors[1]), found.row_errors[1] ** 2 + found.order_errors[1] ** 2)
    assert session.scores_by("taylor2").edge_errors is None


def test_random_of_a_seed_works_wherever_a_criterion_is_named() -> None:
    model, x, y = task([3, 4, 2], classes=True)
    session = Session(model, (x, y), criterion="random:7")
    expected = random_scores(session.trace, 7)
    assert all(map(np.array_equal, session.scores.edges, (e.astype(np.float32) for e in expected.edges)))
    assert all(map(np.array_equal, session.scores_by("random").edges, session.scores_by("random:0").edges))
    assert not np.array_equal(session.scores.edges[0], session.scores_by("random").edges[0])
    session.set_sparsity(0.3)
    session.set_criterion("random:12")
    session.set_sparsity(0.4)
    log = Log.from_json(session.log().to_json())
    other = Session(task([3, 4, 2], classes=True)[0], (x, y))
    other.replay(log)
    assert all(map(np.array_equal, other.masks, session.masks))
    widget = KANWidget(other)
    assert widget.criterion == "random:12"
    widget.criterion = "random:3"
    assert other.plan.criterion == "random:3"
    assert "random:3" in widget.pruning["criteria"]


def test_unknown_criterion_is_refused_with_the_known_ones() -> None:
    model, x, y = task([2, 3, 1])
    calls: list[Callable[[], object]] = [
        lambda: Session(model, (x, y), criterion="magic"),
        lambda: Session(model, (x, y)).scores_by("magic"),
        *(
            lambda name=f"random{end}": Session(model, (x, y)).scores_by(name)
            for end in (":", ":-1", ":1.5", " 1", ":1 ")
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"criterion must be one of .*taylor2.* random:1 and so on"):
            call()
