"""The widget where no kernel runs any more: a notebook that was saved, and a page made of it."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import anywidget
import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser, Route, expect

from tests.browser.hosts.harness import SETUP, TIMEOUT_S, Widget, settings_in, visiting, write_notebook
from tests.browser.lab.harness import Lab, Server

pytestmark = pytest.mark.browser

ALONE = "no kernel: edits stay on this page"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A notebook that was run and saved with the state of its widgets, which has an edit in it."""
    path = tmp_path / "saved.ipynb"
    notebook = write_notebook(path, [SETUP + "w.session.prune([(0, 0, 0)])", "w"])
    NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(notebook, path)
    return path


def works_alone(widget: Widget) -> None:
    """Shows the state that was saved; slider and undo work on a copy in the page."""
    widget.counts(14)
    expect(widget.edge("x1 to h1")).to_have_attribute("aria-label", re.compile("pruned$"))
    widget.cut()
    expect(widget.region.get_by_text(ALONE)).to_be_visible()
    expect(widget.metrics).not_to_contain_text("edges 14 / 15")
    widget.button("Undo").click()
    widget.counts(14)


def test_saved_notebook_in_jupyterlab(browser: Browser, lab_server: Server, saved: Path) -> None:
    lab_server.data.mkdir(exist_ok=True)
    name = lab_server.add(saved)
    with visiting(browser) as visit:
        lab = Lab(lab_server, visit.page)
        visit.page.goto(f"{lab_server.url}/lab/tree/{name}?reset")
        lab.wait_idle()  # a new kernel, which knows nothing of the widget
        widget = Widget(visit.page.locator(".jp-OutputArea"))
        works_alone(widget)
        # JupyterLab takes widgets out of a notebook only once there is a kernel; then it may go.
        visit.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        visit.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel")
        works_alone(widget)
        assert visit.ours() == []


def convert(folder: Path, *cells: str) -> Path:
    """Run a notebook with nbconvert; the page that it makes."""
    write_notebook(folder / "page.ipynb", cells)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "page.ipynb"]
    made = subprocess.run(
        command, cwd=folder, env=settings_in(folder), capture_output=True, text=True, timeout=TIMEOUT_S * 3
    )
    assert made.returncode == 0, made.stderr
    return folder / "page.html"


@pytest.fixture
def cdn(tmp_path: Path) -> dict[str, str]:
    """The scripts of a converted page, by a part of their address: from npm's registry, since no test asks a CDN."""
    files = {
        "require": ("requirejs@2", "package/require.js"),
        "html-manager": ("@jupyter-widgets/html-manager@1", "package/dist/embed-amd.js"),
    }
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so there is nothing to stand in for a CDN")
    command = [npm, "pack", "--silent", *(package for package, _ in files.values())]
    packed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S * 2)
    if packed.returncode:
        pytest.skip("npm's registry is out of reach, so there is nothing to stand in for a CDN")
    found = {
        "npm/anywidget": (Path(anywidget.__file__).parent / "nbextension" / "index.js").read_text(encoding="utf-8")
    }
    for (part, (_, name)), archive in zip(files.items(), packed.stdout.split(), strict=True):
        with tarfile.open(tmp_path / archive) as tar:
            member = tar.extractfile(name)
            assert member is not None
            found[part] = member.read().decode()
    return found


def test_nbconvert_page_is_live_where_its_cdn_is_reachable(
    browser: Browser, tmp_path: Path, cdn: dict[str, str]
) -> None:
    page = convert(tmp_path, SETUP + "w.session.prune([(0, 0, 0)])", "w")

    def fetch(route: Route) -> None:
        body = next((text for part, text in cdn.items() if part in route.request.url), None)
        if body is None:
            route.abort()
        else:
            route.fulfill(body=body, content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"})

    with visiting(browser) as visit:
        visit.page.route(re.compile("^https:"), fetch)
        visit.page.goto(page.as_uri())
        works_alone(Widget(visit.page))


def test_nbconvert_page_is_empty_offline_but_for_what_is_static(browser: Browser, tmp_path: Path) -> None:
    page = convert(tmp_path, SETUP, "w", "w.static()")
    with browser.new_context(offline=True) as context:
        visit = context.new_page()
        visit.goto(page.as_uri())
        frame = visit.frame_locator("iframe[title=kan_widget]")
        region = frame.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network"))
        expect(region).to_be_visible(timeout=TIMEOUT_S * 1000)
        expect(visit.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network"))).to_have_count(0)
        widget = Widget(frame.locator("body"))
        widget.counts(15)
        widget.cut()
        expect(widget.metrics).not_to_contain_text("edges 15 / 15")
        expect(widget.region.get_by_text(ALONE)).to_be_visible()
        widget.button("Save").click()
        with visit.expect_download() as download:
            widget.button("Save SVG").click()
        assert download.value.suggested_filename == "kan-2-5-1.svg"
        widget.button("Full screen").click()
        visit.wait_for_function("() => document.fullscreenElement?.tagName === 'IFRAME'")
