"""What comes from a package index: an sdist and a wheel that need neither Node nor a checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.wheel

CHECKOUT = Path(__file__).parents[1]
VERSION = re.search(r'^version = "(.+)"$', (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
NAME = f"kan_widget-{VERSION[1] if VERSION else '?'}"
WIDGET = "kan_widget/static/widget.js"
STATIC = {WIDGET, "kan_widget/static/sheets.js", "kan_widget/static/page.js"}


def run(command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment or os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def modules_of_the_checkout() -> set[str]:
    """In Python, and the one in C, which is compiled where it is used."""
    paths = (CHECKOUT / "kan_widget").rglob("*.[pc]*")
    return {path.relative_to(CHECKOUT).as_posix() for path in paths if path.suffix in (".py", ".c")}


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist of this checkout, front end built afresh."""
    folder = tmp_path_factory.mktemp("sdist")
    run([sys.executable, "-m", "build", "--sdist", "--outdir", folder, CHECKOUT], folder)
    with tarfile.open(folder / f"{NAME}.tar.gz") as archive:
        # What Python 3.14 does by default; named, since 3.12 and 3.13 warn where it is not.
        archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    return folder / NAME


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist where there is no Node."""
    folder = tmp_path_factory.mktemp("wheel")
    python = Path(sys.executable)
    without_node = os.environ | {"PATH": str(python.parent)}
    assert shutil.which("node", path=without_node["PATH"]) is None
    run([python, "-m", "build", "--wheel", "--outdir", folder, sdist], folder, without_node)
    return folder / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds the wheel.

    The heavy dependencies are borrowed from this environment by path: a folder named in a .pth
    file is searched, but the .pth files in it, the editable install's among them, are not read.
    """
    folder = tmp_path_factory.mktemp("venv")
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    site_packages = Path(sysconfig.get_path("purelib", vars=paths))
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed))
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    run([*pip, "--no-deps", "--no-index", wheel], folder)
    return python


def test_the_sdist_builds_everything_itself(sdist: Path) -> None:
    names = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    assert names >= {"LICENSE", "README.md", "CHANGELOG.md", "PKG-INFO", "pyproject.toml"}
    assert names >= {"js/package.json", "js/package-lock.json", "js/src/index.ts", *STATIC}
    assert names >= modules_of_the_checkout() | {"kan_widget/py.typed"}
    assert {name.partition("/")[0] for name in names if "/" in name} == {"js", "kan_widget"}
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = {name for name in names if name.startswith(f"{NAME}.dist-info/")}
    assert names - info == modules_of_the_checkout() | {"kan_widget/py.typed", *STATIC}
    assert f"{NAME}.dist-info/licenses/LICENSE" in info


def test_the_wheel_has_the_front_end_of_the_sdist(sdist: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(WIDGET)
    assert content == (sdist / WIDGET).read_bytes()
    assert 1_000 < len(content) < 100_000


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{NAME}.dist-info/METADATA").decode()
    return Parser().parsestr(text)


def test_the_metadata_says_what_is_needed(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["Name"] == "kan-widget"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    requirements = metadata.get_all("Requires-Dist", [])
    core = {re.split(r"[^\w-]", text)[0] for text in requirements if "extra ==" not in text}
    assert core == {
        *("anywidget", "ipywidgets", "matplotlib", "numpy"),
        *("safetensors", "torch", "tqdm", "traitlets"),
    }


def test_the_installed_package_is_the_wheel(installed: Path, tmp_path: Path) -> None:
    probe = "import kan_widget as k; print(k.__file__); print(k.__version__)"
    file, version = run([installed, "-c", probe], tmp_path).splitlines()
    assert Path(file).is_relative_to(installed.parents[1])
    assert f"kan_widget-{version}" == NAME


def test_the_readme_runs(installed: Path, tmp_path: Path) -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert blocks
    run([installed, "-W", "error", "-c", "\n".join(blocks)], tmp_path)  # they read on from each other, like cells


SHOW = """
import base64, json
from kan_widget import KAN, KANWidget, create_dataset

def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    return value

data = create_dataset(lambda x: x[:, [0]] * x[:, [1]], n_var=2, train_num=200, seed=0)
model = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
model.fit(data, opt="LBFGS", steps=5, progress=False)
widget = KANWidget(model, data)
widget.session.prune([(0, 0, 0)])
print(json.dumps(plain(widget.get_state())))
"""

# The least that a host must do: a model to read from, and an element to draw in.
HOST = """async ({ _esm, ...traits }) => {
    const url = URL.createObjectURL(new Blob([_esm], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    const nothing = () => {};
    const model = {
        get: name => traits[name],
        set: (name, value) => { traits[name] = value; },
        on: nothing, off: nothing, save_changes: nothing, send: nothing,
    };
    await widget.render({ model, el: document.body });
}"""


@pytest.mark.browser
def test_the_installed_widget_draws_a_trained_network(installed: Path, browser: "Browser", tmp_path: Path) -> None:
    state = json.loads(run([installed, "-W", "error", "-c", SHOW], tmp_path))
    with browser.new_context() as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.evaluate(HOST, state)
        region = page.get_by_role("region", name="Kolmogorov-Arnold network x1, x2 to y")
        region.wait_for()
        options = region.get_by_role("option", name=re.compile("^edge "))
        names = [option.get_attribute("aria-label") or "" for option in options.all()]
        assert len(names) == 15
        assert [name.partition(",")[0] for name in names if ", pruned" in name] == ["edge x1 to h1"]
        assert errors == []
