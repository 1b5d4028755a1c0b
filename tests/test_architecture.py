"""The floors of the package: a file imports from lower floors only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kan_widget"

FLOORS = {
    "core": 0,
    "nn": 0,
    "adapters": 1,
    "figure": 1,
    "capture": 2,
    "timeline": 2,
    "session": 2,
    "pruning": 2,
    "report": 2,
    "schedules": 2,
    "sweep": 2,
    "pykan": 0,
    "kan": 3,
    "widget": 3,
    "__init__": 4,
}

# Steps along one floor that are meant: loops over a Session.
SIDEWAYS = {
    ("timeline", "capture"),
    ("session", "capture"),
    ("session", "timeline"),
    ("pruning", "session"),
    ("report", "session"),
    ("report", "capture"),
    ("report", "pruning"),
    ("report", "schedules"),
    ("schedules", "session"),
    ("sweep", "session"),
    ("sweep", "pruning"),
    ("sweep", "report"),
}

# Third-party packages that only these parts may know.
AT_HOME = {
    "anywidget": {"widget"},
    "ipywidgets": {"widget"},
    "traitlets": {"widget"},
    "torch": set(FLOORS) - {"core"},
}


def part_of(module: tuple[str, ...]) -> str:
    """The part that ``kan_widget.<part>...`` belongs to; the package itself is its __init__."""
    return module[1] if len(module) > 1 else "__init__"


def imported(source: str, module: tuple[str, ...], *, is_package: bool) -> Iterator[tuple[str, ...]]:
    """Every module that the source imports anywhere, for type checking and in functions too."""
    package = module if is_package else module[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            if base == ("kan_widget",):
                # `from . import figure` names a part; `from . import KAN` goes through __init__.
                for alias in node.names:
                    yield (*base, alias.name) if alias.name in FLOORS else base
            else:
                yield base


def violations(source: str, path: str) -> list[str]:
    """What the source, at a path such as ``core/plan.py``, imports against the rules."""
    parts = Path(path).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ("kan_widget", *(parts[:-1] if is_package else parts))
    here = part_of(module)
    if here not in FLOORS:
        return [f"{path}: `{here}` has no floor yet; give it one in {Path(__file__).name}"]

    found = []
    for target in imported(source, module, is_package=is_package):
        if target[0] == "kan_widget":
            there = part_of(target)
            allowed = there == here or (here, there) in SIDEWAYS or FLOORS.get(there, 99) < FLOORS[here]
        else:
            there = target[0]
            allowed = here in AT_HOME.get(there, set(FLOORS))
        if not allowed:
            found.append(f"{path}: {here} may not import {there}")
    return found


def test_every_file_imports_from_lower_floors_only() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert files
    found = [
        line
        for file in files
        for line in violations(file.read_text(encoding="utf-8"), file.relative_to(PACKAGE).as_posix())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("nn/layer.py", "from ..core import plan", "nn may not import core"),
        ("core/plan.py", "from ..nn.layer import KANLayer", "core may not import nn"),
        ("core/plan.py", "import torch.nn as nn", "core may not import torch"),
        ("core/plan.py", "def f():\n    from torch import nn", "core may not import torch"),
        ("adapters/base.py", "import kan_widget.session", "adapters may not import session"),
        ("adapters/base.py", "from .. import session", "adapters may not import session"),
        ("session.py", "from . import KAN", "session may not import __init__"),
        ("session.py", "from .widget.wire import encode", "session may not import widget"),
        ("session.py", "from .pruning import prune", "session may not import pruning"),
        ("figure.py", "from traitlets import Int", "figure may not import traitlets"),
        ("kan.py", "from .widget import KANWidget", "kan may not import widget"),
        (
            "core/plan.py",
            "if TYPE_CHECKING:\n    from kan_widget import session",
            "core may not import session",
        ),
    ],
)
def test_a_step_up_or_sideways_is_caught(path: str, source: str, expected: str) -> None:
    assert violations(source, path) == [f"{path}: {expected}"]


def test_a_part_without_a_floor_is_caught() -> None:
    assert "has no floor" in violations("", "helpers.py")[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/plan.py", "import numpy as np\nfrom .scores import score_std\nfrom . import trace"),
        (
            "adapters/native.py",
            "import torch\nfrom ..core.trace import Trace\nfrom ..nn import KAN",
        ),
        ("pruning.py", "from .session import Session"),
        ("kan.py", "from . import figure\nfrom .session import Session"),
        (
            "widget/widget.py",
            "import anywidget\nfrom .wire import encode\nfrom ..session import Session",
        ),
        ("widget/__init__.py", "from .widget import KANWidget"),
        ("__init__.py", "from .kan import KAN\nfrom .widget import KANWidget"),
    ],
)
def test_a_step_down_is_allowed(path: str, source: str) -> None:
    assert violations(source, path) == []
