"""The traits of one small network on file: Python writes them here, the front end's tests read them.

`UPDATE_GOLDEN=1 python -m pytest tests/widget/test_golden.py` writes the file anew.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kan_widget import KAN, KANWidget

GOLDEN = Path(__file__).parents[1] / "golden" / "wire.json"
TRAITS = (
    "network",
    "scores",
    "pruning",
    "metrics",
    "threshold",
    "selection",
    "notice",
    "height",
    "theme",
    "orientation",
)


def golden_widget() -> KANWidget:
    """[2, 3, 1] with one edge of every state: active, pruned by rule, pruned by hand, kept and dead."""
    steps = torch.linspace(-1, 1, 50, dtype=torch.float64)
    x = torch.stack([steps, steps.flip(0) ** 3], dim=1)
    model = KAN([2, 3, 1], grid=3, k=2, seed=4, dtype=torch.float64)
    widget = KANWidget(model, (x, x[:, :1] ** 2, x[::2], x[::2, :1] ** 2))
    weakest = np.sort(widget.session.plan.candidates(widget.session.scores))
    widget.threshold = float(np.float32((weakest[0] + weakest[1]) / 2))
    widget.session.prune([(0, 0, 1), (0, 1, 1)])
    widget.session.keep([(1, 0, 0)])
    widget.selection = [(0, 1, 2), (1, 0)]
    return widget


def text(value: Any) -> Any:
    """`value` with bytes as base64, so that JSON can hold it."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items()}
    return [text(item) for item in value] if isinstance(value, (list, tuple)) else value


def assert_close(found: Any, expected: Any, path: str = "") -> None:
    if isinstance(expected, dict) and "base64" in expected:
        name = path.rpartition(".")[2]
        dtype = {"curves": "u1", "density": "u1", "edges": "u1", "nodes": "u1"}.get(name, "<f4")
        a, b = (np.frombuffer(base64.b64decode(v["base64"]), dtype).astype(float) for v in (found, expected))
        assert a.shape == b.shape, path
        assert np.allclose(a, b, rtol=1e-5, atol=1.0 if name == "curves" else 1e-6), path
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        for key in expected:
            assert_close(found[key], expected[key], f"{path}.{key}")
    elif isinstance(expected, float):
        assert np.isclose(found, expected, rtol=1e-5), path
    else:
        assert found == expected, path


def test_traits_are_those_that_the_front_end_is_tested_with() -> None:
    widget = golden_widget()
    found = text({name: getattr(widget, name) for name in TRAITS})
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert_close(found, json.loads(GOLDEN.read_text()))


def test_golden_network_has_every_state_of_an_edge() -> None:
    bits = set(golden_widget().pruning["edges"])
    assert bits >= {3, 0, 8, 7, 1}
