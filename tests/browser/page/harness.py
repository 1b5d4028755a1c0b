"""A page that shows the built front end on a fake model, and what the tests do to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import ConsoleMessage, FloatRect, Locator, Page

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "kan_widget" / "static" / "widget.js"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves the repository to the tests' own pages."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def end_headers(self) -> None:
        # Chromium would otherwise show a bundle that was rebuilt meanwhile as it was.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@contextmanager
def serve() -> Iterator[str]:
    """Serve the repository; yields the address of its root."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(ROOT)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def box_of(locator: Locator) -> FloatRect:
    """Where an element lies; it must be shown."""
    box = locator.bounding_box()
    assert box is not None
    return box


class Stand:
    """One page with one model in it."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{site}/tests/browser/page/page.html")
        page.wait_for_function("window.stand !== undefined")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def open(self, **options: Any) -> Locator:
        """Show a network; returns the widget."""
        self.page.evaluate("options => window.stand.open(options)", options)
        region = self.page.get_by_role("region").first
        region.wait_for()
        self.settle()
        return region

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def trait(self, name: str) -> Any:
        return self.page.evaluate("name => window.stand.model.get(name)", name)

    def set_trait(self, name: str, value: Any) -> None:
        """Write a trait as Python would."""
        self.page.evaluate("([name, value]) => window.stand.model.set(name, value)", [name, value])
        self.settle()

    def python(self, script: str) -> Any:
        """Run a script on the fake Python, as `python`."""
        return self.page.evaluate(f"() => {{ const python = window.stand.python; {script} }}")

    def sent(self) -> list[list[dict[str, Any]]]:
        """The edits of every message that was sent, in order."""
        messages = self.page.evaluate("() => window.stand.model.sent")
        return [message["ops"] for message in messages if message["type"] == "ops"]

    def ops(self) -> list[dict[str, Any]]:
        return [op for ops in self.sent() for op in ops]

    # What the contract names.

    @property
    def slider(self) -> Locator:
        return self.page.get_by_role("slider", name="Threshold")

    @property
    def diagram(self) -> Locator:
        return self.page.get_by_role("listbox", name="Network diagram")

    @property
    def inspector(self) -> Locator:
        return self.page.get_by_role("complementary", name="Inspector")

    @property
    def metrics(self) -> Locator:
        return self.page.get_by_role("status", name="Metrics")

    def edge(self, source: str, target: str) -> Locator:
        return self.page.get_by_role("option", name=f"edge {source} to {target},")

    def node(self, name: str) -> Locator:
        return self.page.get_by_role("option", name=f"node {name},")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def selected(self) -> list[str]:
        """The accessible names of what is selected."""
        self.settle()
        options = self.diagram.get_by_role("option", selected=True).all()
        return [option.get_attribute("aria-label") or "" for option in options]

    def drag_slider(self, dx: float, *, drop: bool = True) -> None:
        """Take the line by its grip and move it."""
        box = box_of(self.slider)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx / 2, y)
        self.page.mouse.move(x + dx, y, steps=4)
        if drop:
            self.page.mouse.up()
        self.settle()
