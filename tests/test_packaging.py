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
WITH_KERNEL = os.environ | {"KAN_WIDGET_BACKEND": "native"}  # a build without it fails
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
    """The wheel, built from the sdist where there is neither Node nor a C compiler."""
    folder = tmp_path_factory.mktemp("wheel")
    python = Path(sys.executable)
    bare = os.environ | {"PATH": str(python.parent), "CC": "", "KAN_WIDGET_BACKEND": ""}
    assert not any(shutil.which(name, path=bare["PATH"]) for name in ("node", "cc", "gcc", "clang"))
    run([python, "-m", "build", "--wheel", "--outdir", folder, sdist], folder, bare)
    return folder / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="session")
def wheel_with_kernel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, built where there is a C compiler."""
    if sys.platform != "linux" or not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler, or not Linux")
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, sdist], folder, WITH_KERNEL)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds the wheel."""
    return environment_with(wheel, tmp_path_factory.mktemp("venv"))


def environment_with(wheel: Path, folder: Path) -> Path:
    """The Python of an environment made in this folder.

    The heavy dependencies are borrowed from this environment by path: a folder named in a .pth
    file is searched, but the .pth files in it, the editable install's among them, are not read.
    """
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder.parent)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    site_packages = Path(sysconfig.get_path("purelib", vars=paths))
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    run([*pip, "--no-deps", "--no-index", wheel], folder)
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed))
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


def test_a_wheel_with_the_kernel_is_for_every_python_and_has_nothing_else_more(
    wheel: Path, wheel_with_kernel: Path
) -> None:
    assert re.fullmatch(rf"{NAME}-py3-none-(many)?linux_\w+\.whl", wheel_with_kernel.name)
    contents = []
    for path in (wheel, wheel_with_kernel):
        with zipfile.ZipFile(path) as archive:
            contents.append({name: archive.read(name) for name in archive.namelist() if "dist-info" not in name})
    without, more = contents
    libraries = more.keys() - without.keys()
    assert libraries
    assert all(re.fullmatch(r"kan_widget/nn/native/shipped/\w+-\w+-\w+\.so", name) for name in libraries)
    assert without == {name: content for name, content in more.items() if name not in libraries}


FROM_THE_WHEEL = """
import kan_widget
found = kan_widget.backend()
assert found.name == "native" and "came with the package" in found.reason, found
"""
EVALUATE = """
import kan_widget, torch
x = torch.rand(2000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
print(float(kan_widget.KAN([3, 8, 2], seed=0, dtype=torch.float64)(x).detach().square().sum()))
"""


def test_a_wheel_with_the_kernel_needs_no_compiler_and_keeps_nothing(wheel_with_kernel: Path, tmp_path: Path) -> None:
    python = environment_with(wheel_with_kernel, tmp_path / "venv")
    bare = {**os.environ, "PATH": str(tmp_path), "CC": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    bare.pop("ATEN_CPU_CAPABILITY", None)
    printed = []
    # what the processor has, and what every processor of its kind has
    for choice in ({"KAN_WIDGET_BACKEND": "native"}, {"KAN_WIDGET_BACKEND": "", "ATEN_CPU_CAPABILITY": "default"}):
        printed.append(run([python, "-W", "error", "-c", FROM_THE_WHEEL + EVALUATE], tmp_path, bare | choice))
    assert not (tmp_path / "cache").exists()
    plain = run([python, "-c", EVALUATE], tmp_path, bare | {"KAN_WIDGET_BACKEND": "torch"})
    assert [float(text) for text in printed] == pytest.approx([float(plain)] * 2, rel=1e-12)


def test_a_damaged_library_in_a_wheel_is_not_loaded(wheel_with_kernel: Path, tmp_path: Path) -> None:
    python = environment_with(wheel_with_kernel, tmp_path / "venv")
    for path in tmp_path.rglob("shipped/*.so"):
        path.write_bytes(path.read_bytes()[:5000])
    bare = os.environ | {"PATH": str(tmp_path), "CC": "", "KAN_WIDGET_BACKEND": ""}
    assert "no C compiler" in run([python, "-c", "import kan_widget as k; print(k.backend())"], tmp_path, bare)


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
