"""Threads at the end of the process."""

import subprocess
import sys

import pytest

END = """
import torch
from kan_widget import KAN, KANWidget

x = torch.rand(200, 2)
widget = KANWidget(KAN([2, 5, 1], seed=0), (x, x[:, :1] ** 2))
widget.fine_tune(seconds=60, patience=10**6)
print(widget.training["state"])
"""


@pytest.mark.parametrize("backend", ["torch", "native"])
def test_a_process_ends_in_peace_while_its_widget_trains(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", backend)
    ended = subprocess.run([sys.executable, "-c", END], capture_output=True, text=True, timeout=50)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "training\n", "")
