"""Hosts of the widget beside JupyterLab, each with a folder and a process group of its own, and what all must do."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.browser.lab.harness import free_port, stop_group

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
TIMEOUT_S = 60

SETUP = """
import torch
from kan_widget import KAN, KANWidget, create_dataset

def target(x):
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)

dataset = create_dataset(target, n_var=2, train_num=200, test_num=100, seed=0)
w = KANWidget(KAN([2, 5, 1], seed=0), dataset)
"""

# Hosts that show no code show what Python knows in this way.
TELL = """
import ipywidgets
told = ipywidgets.Label()
def tell(_=None):
    told.value = f"Python counts {w.metrics['now']['edges']} edges"
w.observe(tell, names=["metrics"])
tell()
told
"""


def need(package: str) -> None:
    """Skip where a host is not installed."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed; `make hosts` installs it and runs these tests")


def write_notebook(path: Path, cells: Sequence[str]) -> nbformat.NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3"}
    content = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(content, path)
    return content


def settings_in(folder: Path) -> dict[str, str]:
    """An environment in which every host keeps its files, and looks for them, in this folder only."""
    names = {
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "XDG_CACHE_HOME": "cache",
        "XDG_CONFIG_HOME": "config",
        "XDG_STATE_HOME": "state",
    }
    return os.environ | {name: str(folder / value) for name, value in names.items()}


def listens(port: int) -> bool:
    """Whether somebody answers there; asking for a page would have Voila run a notebook."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def running(folder: Path, *command: str) -> Iterator[str]:
    """Start a server as ``python -m command``, with ``{port}`` filled in; yields its address."""
    log, port = folder / "server.log", free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            cwd=folder,
            env=settings_in(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield url
    finally:
        stop_group(process)


class Visit:
    """A page of a host, and what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(TIMEOUT_S * 1000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def ours(self) -> list[str]:
        """Errors that speak of the widget; hosts have enough of their own where there is no network."""
        return [error for error in self.errors if re.search(r"kan|anywidget|blob:", error, re.IGNORECASE)]


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    with browser.new_context(viewport={"width": 1280, "height": 1100}, locale="en-US") as context:
        yield Visit(context.new_page())


class Widget:
    """The widget on a page, as a person knows it."""

    def __init__(self, inside: Page | Locator) -> None:
        self.region = inside.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network")).first
        expect(self.region).to_be_visible(timeout=TIMEOUT_S * 1000)
        self.metrics = self.region.get_by_role("status", name="Metrics")
        self.slider = self.region.get_by_role("slider", name="Threshold")

    def button(self, name: str) -> Locator:
        return self.region.get_by_role("button", name=name, exact=True)

    def edge(self, name: str) -> Locator:
        return self.region.get_by_role("option", name=re.compile(f"^edge {name},"))

    def counts(self, edges: int) -> None:
        """Wait until this many edges are left."""
        expect(self.metrics).to_contain_text(f"edges {edges} / 15")

    def prune(self, name: str) -> None:
        self.edge(name).click()
        self.region.get_by_role("complementary", name="Inspector").get_by_role("button", name="Prune").click()

    def cut(self, steps: int = 4) -> None:
        """Move the threshold by a key held down, which is one edit when it comes up."""
        self.slider.focus()
        for _ in range(steps):
            self.region.page.keyboard.down("ArrowRight")
        self.region.page.keyboard.up("ArrowRight")

    def screenshot(self, name: str) -> None:
        self.region.screenshot(path=SCREENSHOTS / f"{name}.png")


def exercise(widget: Widget, told: Locator) -> None:
    """What must work wherever there is a kernel.

    Args:
        widget: As it is first shown.
        told: Where the page says how many edges Python counts.
    """
    widget.counts(15)
    assert (widget.region.bounding_box() or {"height": 0})["height"] >= 320
    # A click and back: edits by message, state by traits.
    widget.prune("x2 to h3")
    widget.counts(14)
    expect(told).to_have_text("Python counts 14 edges")
    expect(widget.region.locator(".knot").first).to_be_attached()  # came as binary with a message
    widget.button("Undo").click()
    widget.counts(15)
    expect(told).to_have_text("Python counts 15 edges")
    # The slider.
    widget.cut()
    expect(told).not_to_have_text("Python counts 15 edges")
    left = int((told.text_content() or "").split()[2])
    widget.counts(left)
    # A sheet: its code comes from Python, and so does what it shows.
    widget.button("History").click()
    states = widget.region.get_by_role("list", name="States")
    expect(states.get_by_role("listitem").first).to_contain_text("threshold")
    widget.button("Save").click()
    page = widget.region.page
    with page.expect_download() as download:
        widget.button("Save HTML").click()
    assert download.value.suggested_filename == "kan-2-5-1.html"
    assert "kan-state" in Path(download.value.path()).read_text(encoding="utf-8")
    widget.button("Close save").click()
    widget.button("Reset").click()
    expect(told).to_have_text("Python counts 15 edges")
