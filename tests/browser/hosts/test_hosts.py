"""The widget in other hosts than JupyterLab; `make hosts` installs them."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.hosts.harness import SETUP, TELL, Widget, exercise, need, running, visiting, write_notebook
from tests.browser.lab.harness import KERNEL_IS_IDLE

pytestmark = pytest.mark.browser

MARIMO = f"""
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
{SETUP.replace(chr(10), chr(10) + "    ")}
    view = mo.ui.anywidget(w)
    view
    return mo, view, w


@app.cell
def _(mo, view):
    mo.md(f"Python counts {{view.value['metrics']['now']['edges']}} edges")
    return


if __name__ == "__main__":
    app.run()
"""


def test_notebook(browser: Browser, tmp_path: Path) -> None:
    need("notebook")
    write_notebook(tmp_path / "app.ipynb", [SETUP, "w", TELL])
    options = (
        *("--no-browser", "--allow-root", "--ip=127.0.0.1", "--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--ServerApp.password=", "--JupyterNotebookApp.expose_app_in_browser=True"),
    )
    with running(tmp_path, "notebook", *options) as url, visiting(browser) as visit:
        visit.page.goto(f"{url}/notebooks/app.ipynb")
        visit.page.wait_for_function(KERNEL_IS_IDLE)
        visit.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        outputs = visit.page.locator(".jp-OutputArea")
        exercise(Widget(outputs), outputs.get_by_text("Python counts"))
        assert visit.ours() == []


def test_voila(browser: Browser, tmp_path: Path) -> None:
    need("voila")
    write_notebook(tmp_path / "app.ipynb", [SETUP, "w", TELL])
    options = "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}", "--show_tracebacks=True"
    with running(tmp_path, "voila", "app.ipynb", *options) as url, visiting(browser) as visit:
        visit.page.goto(url)
        exercise(Widget(visit.page), visit.page.get_by_text("Python counts"))
        assert visit.ours() == []


@pytest.mark.parametrize("mode", ["run", "edit"])
def test_marimo(browser: Browser, tmp_path: Path, mode: str) -> None:
    need("marimo")
    (tmp_path / "app.py").write_text(MARIMO)
    # Else the editor waits for a hand to run the cells.
    (tmp_path / "pyproject.toml").write_text("[tool.marimo.runtime]\nauto_instantiate = true\n")
    options = "--headless", "--no-token", "--host=127.0.0.1", "--port={port}"
    with running(tmp_path, "marimo", mode, "app.py", *options) as url, visiting(browser) as visit:
        visit.page.goto(url)
        exercise(Widget(visit.page), visit.page.locator(".markdown").get_by_text("Python counts"))
        assert visit.ours() == []
