"""A real JupyterLab in a folder of its own, and one notebook of it open in a browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbformat.sign import NotebookNotary
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
TIMEOUT_S = 60

# The execution indicator says idle before there is a session, and running a cell then opens a
# dialog that blocks every click; only the session knows.
KERNEL_IS_IDLE = """() => {
    const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""

# Outputs are read from the model: the page also shows the source, which may hold the same words.
CELL_OUTPUTS = """index =>
    window.jupyterapp.shell.currentWidget.content.model.cells.get(index).outputs.toJSON()"""

CELL_TYPES = """() =>
    Array.from(window.jupyterapp.shell.currentWidget.content.model.cells, cell => cell.type)"""

RUN_CELL = """([index, wait]) => {
    const app = window.jupyterapp;
    app.shell.currentWidget.content.activeCellIndex = index;
    const done = app.commands.execute("notebook:run-cell");
    return wait ? done : undefined;
}"""

# Straight to the kernel, as a console that shares it would: the notebook is not touched.
# The kernel's own status will not do: a thread that answers a widget reports idle while a cell runs.
CELL_IS_RUNNING = """index =>
    window.jupyterapp.shell.currentWidget.content.model.cells.get(index).executionState === 'running'"""

RUN_CODE = """async code => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const outputs = [];
    const future = kernel.requestExecute({ code, store_history: false });
    future.onIOPub = message =>
        outputs.push({ output_type: message.header.msg_type, ...message.content });
    await future.done;
    return outputs;
}"""


class NotebookError(AssertionError):
    """A cell raised."""


def text_of(outputs: Sequence[dict[str, Any]]) -> str:
    """What a person reads of the outputs of a cell; raises what the cell raised."""
    texts = []
    for output in outputs:
        match output["output_type"]:
            case "error":
                raise NotebookError("\n".join(output["traceback"]))
            case "stream":
                text = output["text"]
                texts.append(text if isinstance(text, str) else "".join(text))
            case "execute_result" | "display_data":
                texts.append(str(output["data"].get("text/plain", "")))
    return "".join(texts).strip()


@dataclass(frozen=True)
class Server:
    """A running JupyterLab."""

    url: str
    root: Path
    data: Path

    def add(self, notebook: Path | Sequence[str]) -> str:
        """Put a notebook, or one made of these cells, where the server finds it; its name there.

        It is signed, since an untrusted one shows its widgets as plain text.
        """
        if isinstance(notebook, Path):
            content = nbformat.read(notebook, as_version=4)
        else:
            cells = [nbformat.v4.new_code_cell(source) for source in notebook]
            # Without a kernel's name JupyterLab asks for one.
            kernel = {"name": "python3", "display_name": "Python 3"}
            content = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        name = f"notebook-{len(list(self.root.glob('*.ipynb')))}.ipynb"
        nbformat.write(content, self.root / name)
        notary = NotebookNotary(data_dir=str(self.data))
        notary.sign(content)
        notary.store.close()
        return name


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def write_settings(folder: Path, comms: str) -> None:
    """What a user would choose in the settings editor."""
    settings = folder / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    chosen = {
        # Else a box that asks about news covers a corner of the page.
        "notification": {"fetchNews": "false", "checkForUpdates": False},
        "kernels-settings": {"commsOverSubshells": comms},
    }
    for name, values in chosen.items():
        (settings / f"{name}.jupyterlab-settings").write_text(json.dumps(values))


@contextmanager
def running_server(folder: Path, comms: str = "perCommTarget") -> Iterator[Server]:
    """Start JupyterLab with the running Python, in its own process group and its own settings.

    Args:
        folder: An empty folder for all that it writes.
        comms: Where the kernel hears a widget: "perCommTarget", JupyterLab's default, is a thread beside the one that
            runs cells; "disabled" is that thread itself, as in kernels and hosts that know no other.
    """
    root, data, log = folder / "root", folder / "data", folder / "server.log"
    root.mkdir()
    write_settings(folder / "settings", comms)
    environment = os.environ | {
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(data),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", "--ServerApp.password="),
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not answers(f"{url}/api/status"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield Server(url, root, data)
    finally:
        stop_group(process)


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels, which a signal to the server alone would leave running."""
    for end in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, end)
        except ProcessLookupError:
            return
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


@dataclass
class Lab:
    """One page of JupyterLab. Every wait is for a state of the application, none for time."""

    server: Server
    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def on_console(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.errors.append(message.text)

        self.page.set_default_timeout(TIMEOUT_S * 1000)
        self.page.on("console", on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, notebook: Path | Sequence[str]) -> None:
        """Open a notebook file, or a new notebook of these cells, and wait for its kernel."""
        name = self.server.add(notebook)
        self.page.goto(f"{self.server.url}/lab/tree/{name}?reset")
        self.wait_idle()

    def wait_idle(self) -> None:
        self.page.wait_for_function(KERNEL_IS_IDLE)

    def is_running(self, index: int) -> bool:
        running: bool = self.page.evaluate(CELL_IS_RUNNING, index)
        return running

    def command(self, name: str, **arguments: Any) -> Any:
        return self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def run_all(self) -> list[str]:
        """Run every cell; what each code cell shows as text. Raises what a cell raised."""
        self.command("notebook:run-all-cells")
        kinds = self.page.evaluate(CELL_TYPES)
        return [self.output(index) for index, kind in enumerate(kinds) if kind == "code"]

    def run_cell(self, index: int) -> str:
        """Run one cell to its end; what it shows as text. Raises what the cell raised."""
        self.page.evaluate(RUN_CELL, [index, True])
        return self.output(index)

    def start_cell(self, index: int) -> None:
        """Run one cell and come back once it has printed something."""
        self.page.evaluate(RUN_CELL, [index, False])
        self.page.wait_for_function(f"index => ({CELL_OUTPUTS})(index).length > 0", arg=index)

    def finish_cell(self, index: int) -> str:
        """Wait for the end of a cell that was started; what it shows as text. Raises what the cell raised."""
        self.page.wait_for_function(f"index => !({CELL_IS_RUNNING})(index)", arg=index)
        return self.output(index)

    def output(self, index: int) -> str:
        return text_of(self.page.evaluate(CELL_OUTPUTS, index))

    def run_code(self, source: str) -> str:
        """Run code in the notebook's kernel, outside of any cell; what it shows as text."""
        return text_of(self.page.evaluate(RUN_CODE, source))

    def value(self, expression: str) -> Any:
        """The value of a Python expression, by way of JSON."""
        code = f"import json as _json; print(_json.dumps({expression}))"
        return json.loads(self.run_code(code))

    def wait_value(self, expression: str, expected: Any) -> None:
        """Wait until a Python expression has this value."""
        deadline = time.monotonic() + TIMEOUT_S
        while (found := self.value(expression)) != expected:
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} is still {found}, not {expected}")

    def restart_kernel(self) -> None:
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => null)"
        )
        self.wait_idle()

    def set_theme(self, theme: Literal["light", "dark"]) -> None:
        self.command("apputils:change-theme", theme=f"JupyterLab {theme.capitalize()}")
        light = json.dumps(str(theme == "light").lower())
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === {light}")
        # JupyterLab hides the change of style sheets behind its splash screen.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        path = SCREENSHOTS / f"{name}.png"
        (of or self.page).screenshot(path=path)
        return path


@contextmanager
def open_lab(server: Server, browser: Browser) -> Iterator[Lab]:
    with browser.new_context(viewport={"width": 1280, "height": 1400}) as context:
        yield Lab(server, context.new_page())
