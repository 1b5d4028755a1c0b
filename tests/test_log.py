"""A session's log, done again in a fresh process: the same masks, the same bits, the same loss."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_widget import KAN, Session
from kan_widget.core.log import Command, Log

X = torch.rand(80, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
DATA = (X[:60], X[:60, :1] ** 2 + X[:60, 1:2], X[60:], X[60:, :1] ** 2 + X[60:, 1:2])


def model() -> KAN:
    model = KAN([3, 4, 1], grid=3, seed=0)
    model.fit(DATA, steps=3, progress=False)
    return model


def busy_session() -> Session:
    session = Session(model(), DATA, criterion="std")
    session.set_threshold(0.02)
    session.prune([(0, 0, 1)], nodes=[(1, 2)])
    session.undo()
    session.keep([(0, 1, 1)])
    session.set_criterion("leave_one_out")
    session.set_sparsity(0.4)
    session.set_compensate("least_squares")
    session.fit(steps=2, progress=False)
    session.set_structure("node")
    session.keep([(0, 2, 3)])
    session.set_min_per_layer(2)
    session.set_threshold(0.01, layer=1)
    return session


def same(a: KAN, b: KAN) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_log_holds_what_was_done_and_not_what_was_undone() -> None:
    log = busy_session().log()
    names = [command.name for command in log.commands]
    assert names == [
        "set_threshold", "keep", "set_criterion", "set_sparsity", "set_compensate", "fit", "set_structure", "keep",
        "set_min_per_layer", "set_threshold",
    ]  # fmt: skip
    assert log.options == {"criterion": "std", "structure": "edge", "compensate": "mean"}


def test_json_comes_back_the_same() -> None:
    log = busy_session().log()
    again = Log.from_json(log.to_json())
    assert [(c.name, dict(c.arguments)) for c in again.commands] == [(c.name, dict(c.arguments)) for c in log.commands]
    assert again.widths == log.widths
    assert again.options == log.options


def test_replay_in_this_process_gives_the_same_bits() -> None:
    session = busy_session()
    again = Session(model(), DATA)
    again.replay(Log.from_json(session.log().to_json()))
    assert same(session.model, again.model)
    assert again.metrics.quality == session.metrics.quality


def test_script_in_a_fresh_process_gives_the_same_masks_and_loss(tmp_path: Path) -> None:
    session = busy_session()
    torch.save(DATA, tmp_path / "data.pt")
    model().save(tmp_path / "model.safetensors")
    session.model.save(tmp_path / "expected.safetensors")
    (tmp_path / "steps.py").write_text(session.log().to_script())
    (tmp_path / "run.py").write_text(
        "import json, torch\n"
        "from kan_widget import KAN\n"
        "from steps import replay\n"
        "session = replay(KAN.load('model.safetensors'), torch.load('data.pt'))\n"
        "expected = KAN.load('expected.safetensors')\n"
        "pairs = zip(session.model.layers, expected.layers)\n"
        "masks = all(torch.equal(a.mask, b.mask) for a, b in pairs)\n"
        "print(json.dumps([masks, session.metrics.quality['test'].loss]))\n"
    )
    run = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    masks, loss = json.loads(run.stdout)
    assert masks
    assert loss == pytest.approx(session.metrics.quality["test"].loss, abs=1e-6)


STEP = st.tuples(st.sampled_from("ptlf"), st.integers(0, 2), st.integers(0, 3), st.floats(0, 0.3))


@given(st.lists(STEP, max_size=6))
@settings(max_examples=20)
def test_any_way_can_be_replayed(steps: list[tuple[str, int, int, float]]) -> None:
    session = Session(KAN([3, 4, 1], grid=3, seed=0), DATA)
    for kind, source, target, level in steps:
        try:
            if kind == "p":
                session.prune([(0, source, target)])
            elif kind == "l":
                session.set_threshold(level, layer=source)
            elif kind == "f":
                session.set_min_per_layer(target)
            else:
                session.set_threshold(level)
        except ValueError:
            continue
    again = Session(KAN([3, 4, 1], grid=3, seed=0), DATA)
    again.replay(session.log())
    assert same(session.model, again.model)


def test_reset_leaves_nothing_to_reset() -> None:
    session = busy_session()
    assert session.edited
    session.reset()
    assert not session.edited
    steps = len(session.history.steps)
    session.reset()
    assert len(session.history.steps) == steps
    assert session.log().commands[-1].name == "reset"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 9, "widths": [], "options": {}}', "nan"]
)
def test_other_text_is_no_log(text: str) -> None:
    with pytest.raises(ValueError, match="log"):
        Log.from_json(text)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (Log((2, 1), {}, []), "the log is about widths"),
        (Log((3, 4, 1), {}, [Command("__init__", {}), Command("compact", {})]), "unknown commands: __init__, compact"),
    ],
)
def test_log_that_does_not_fit_is_refused(log: Log, words: str) -> None:
    session = Session(KAN([3, 4, 1], grid=3, seed=0), DATA)
    with pytest.raises(ValueError, match=words):
        session.replay(log)
    assert session.revision == 0


def test_argument_that_json_does_not_know_is_an_error() -> None:
    session = Session(model(), DATA)
    session.fit(steps=1, progress=False, loss=torch.nn.functional.l1_loss)
    log: Any = session.log()
    for write in (log.to_json, log.to_script):
        with pytest.raises(TypeError, match="function"):
            write()


def test_rule_that_takes_nothing_by_a_signed_criterion_can_be_written_down() -> None:
    session = Session(model(), DATA, criterion="taylor2")
    session.set_sparsity(0.2)
    session.set_threshold(float("-inf"))
    text = session.log().to_script()
    assert 'threshold=float("-inf")' in text
    scope: dict[str, Any] = {}
    exec(text, scope)
    again = scope["replay"](model(), DATA)
    assert same(session.model, again.model)
    assert Log.from_json(session.log().to_json()).commands[-1].arguments["threshold"] == float("-inf")


def test_edges_switched_outside_are_in_the_log_both_ways() -> None:
    session = Session(model(), DATA)
    session.prune([(0, 0, 0), (0, 1, 1)])
    session.model.layers[0].mask[0, 0] = True
    session.set_threshold(0.0)
    session.model.remove_edge(0, 2, 2, data=DATA)
    session.model.layers[0].mask[1, 1] = True
    session.prune([(1, 3, 0)])
    again = Session(model(), DATA)
    again.replay(Log.from_json(session.log().to_json()))
    for a, b in zip(session.model.layers, again.model.layers, strict=True):
        assert torch.equal(a.mask, b.mask)
    with torch.no_grad():
        assert torch.allclose(session.model(X), again.model(X), atol=1e-5)
