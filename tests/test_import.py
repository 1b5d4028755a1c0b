"""Importing the package is free of side effects."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# numpy and torch come first: what they do at import is not ours.
PROBE = """
import json, pickle, random, sys
import numpy, torch

def states():
    torch_state = torch.get_rng_state().tolist()
    return pickle.dumps((random.getstate(), numpy.random.get_state(), torch_state))

before = states()
modules = set(sys.modules)
import kan_widget
result = {
    "rng_unchanged": states() == before,
    "new": sorted({name.partition(".")[0] for name in set(sys.modules) - modules}),
}
with open(sys.argv[1], "w") as file:
    json.dump(result, file)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    cwd = tmp_path_factory.mktemp("cwd")
    home = tmp_path_factory.mktemp("home")
    result = tmp_path_factory.mktemp("result") / "result.json"
    environment = os.environ | {
        "HOME": str(home),
        "TMPDIR": str(cwd),
        "XDG_CACHE_HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE, str(result)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return {
        **json.loads(result.read_text()),
        "printed": run.stdout + run.stderr,
        "written": [str(path) for folder in (cwd, home) for path in Path(folder).rglob("*")],
    }


def test_import_prints_nothing(outcome: dict[str, object]) -> None:
    assert outcome["printed"] == ""


def test_import_writes_nothing(outcome: dict[str, object]) -> None:
    assert outcome["written"] == []


def test_import_leaves_the_random_generators_alone(outcome: dict[str, object]) -> None:
    assert outcome["rng_unchanged"]


@pytest.mark.parametrize("heavy", ["IPython", "anywidget", "ipywidgets", "matplotlib", "pandas"])
def test_import_brings_no_heavy_package(outcome: dict[str, object], heavy: str) -> None:
    assert heavy not in outcome["new"]
