"""What hosts of the widget need of Python; `tests/browser/hosts` drives the hosts themselves."""

from typing import Any

import pytest
import torch

from kan_widget import KAN, KANWidget


@pytest.mark.parametrize(("kernel", "reruns"), [("marimo", True), (None, False)])
def test_cells_run_again_after_an_edit_in_marimo(
    monkeypatch: pytest.MonkeyPatch, kernel: str | None, reruns: bool
) -> None:
    x = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    widget = KANWidget(KAN([2, 3, 1], seed=0), (x, x[:, :1]))
    sent: list[dict[str, Any]] = []
    widget.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    monkeypatch.setattr(widget.comm, "kernel", kernel, raising=False)
    ops = [{"type": "prune", "edges": [[0, 0, 1]], "nodes": []}]
    widget._handle_custom_msg({"type": "ops", "id": "o", "revision": widget.pruning["revision"], "ops": ops}, [])
    (answer,) = sent
    assert answer["type"] == "ack"
    assert answer.get("rerun", False) is reruns
