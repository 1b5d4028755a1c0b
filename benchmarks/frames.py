"""How smoothly the widget is drawn, and what it has to be sent: ``python -m benchmarks.frames``.

It shows the built front end on made-up networks in headless Chromium, without a GPU; it needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from .__main__ import machine
from .browser import chromium
from .table import Row, table

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Edges, and the gates in seconds.
FRAMES = {(2, 5, 1): 0.016, (80, 80, 45): 0.033, (784, 64, 10): 0.040}
FIRST = {(25, 25, 15): 0.2, (784, 64, 10): 0.8}
BYTES_MB = 4.0
VIEW = {"width": 1280, "height": 760}
WARM = 5

# As fast as the machine can, so that a frame takes as long as it takes and not until the next beat of a screen.
UNLIMITED = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]

# The picture is there when nothing more is asked to be drawn, and when what was painted can be read back.
FIRST_PICTURE = """async network => {
    window.stand.open({network, count: 0});
    let asked = 0;
    const request = window.requestAnimationFrame.bind(window);
    const next = () => new Promise(request);
    window.requestAnimationFrame = call => {
        asked++;
        return request(time => { asked--; call(time); });
    };
    await next();
    const start = performance.now();
    window.stand.addView();
    do await next(); while (asked > 0);
    const root = document.querySelector(".view > div").shadowRoot;
    root.querySelector("canvas").getContext("2d").getImageData(0, 0, 1, 1);
    return performance.now() - start;
}"""

# A hand that is down already is moved once a frame, from `x` and `y` by up to `reach` and back.
MOVES = """async ([part, x, y, reach, frames]) => {
    const root = document.querySelector(".view > div").shadowRoot;
    const [target, canvas] = [root.querySelector(part), root.querySelector("canvas").getContext("2d")];
    const next = () => new Promise(requestAnimationFrame);
    const times = [];
    let before = await next();
    for (let i = 1; i <= frames; i++) {
        const at = Math.sin(i / frames * Math.PI);
        target.dispatchEvent(new PointerEvent("pointermove",
            {clientX: x + reach * at, clientY: y, pointerId: 1, buttons: 1, bubbles: true, composed: true}));
        await next();
        canvas.getImageData(0, 0, 1, 1);
        const now = performance.now();
        times.push(now - before);
        before = now;
    }
    return times;
}"""


@contextmanager
def _stand(browser: Browser, site: str) -> Iterator[Any]:
    from tests.browser.page.harness import Stand

    with browser.new_context(viewport=VIEW, locale="en-US") as context:
        yield Stand(context.new_page(), site)


def first_picture(browser: Browser, site: str, widths: tuple[int, ...]) -> float:
    """Seconds from the call that shows the widget to its whole picture."""
    with _stand(browser, site) as stand:
        milliseconds: float = stand.page.evaluate(FIRST_PICTURE, {"widths": widths})
        return milliseconds / 1e3


def frame(browser: Browser, site: str, widths: tuple[int, ...], part: str, frames: int) -> float:
    """Median seconds of a frame, while a hand pans the diagram (``.stage``) or drags the threshold (``.track``)."""
    with _stand(browser, site) as stand:
        stand.open(network={"widths": widths})
        box = (stand.diagram if part == ".stage" else stand.slider).bounding_box()
        x, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 300 if part == ".stage" else 900
        stand.page.mouse.move(x, y)
        stand.page.mouse.down()
        times = stand.page.evaluate(MOVES, [part, x, y, reach, WARM + frames])
        stand.page.mouse.up()
        return median(times[WARM:]) / 1e3


def megabytes(widths: tuple[int, ...]) -> float:
    """What the traits of a real network of these widths hold in binary values."""
    from kan_widget import KAN, KANWidget

    x = torch.rand(64, widths[0], generator=torch.Generator().manual_seed(0))
    widget = KANWidget(KAN(list(widths), seed=0), (x, x[:, : widths[-1]]))
    traits = (getattr(widget, name) for name in widget.traits(sync=True))
    return sum(_bytes(trait) for trait in traits if isinstance(trait, dict)) / 1e6


def _bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    return len(value) if isinstance(value, bytes) else 0


def rows(runs: int, frames: int) -> Iterator[Row]:
    """Every measurement, the median over so many runs, each in a page of its own."""
    from tests.browser.page.harness import serve

    with serve() as site, chromium(*UNLIMITED) as browser:
        for widths, gate in FRAMES.items():
            for what, part in (("panning", ".stage"), ("dragging the threshold", ".track")):
                times = [frame(browser, site, widths, part, frames) for _ in range(runs)]
                yield Row(f"a frame while {what}, {list(widths)}, {_edges(widths)}", median(times), most=gate)
        for widths, gate in FIRST.items():
            times = [first_picture(browser, site, widths) for _ in range(runs)]
            yield Row(f"first picture, {list(widths)}, {_edges(widths)}", median(times), most=gate)
    largest = max(FRAMES, key=sum)
    yield Row(f"sent to the browser, {list(largest)}, {_edges(largest)}", megabytes(largest), "MB", most=BYTES_MB)


def _edges(widths: tuple[int, ...]) -> str:
    return f"{sum(a * b for a, b in pairwise(widths)):,} edges"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="pages a measurement; the median counts")
    parser.add_argument("--frames", type=int, default=60, help="frames a page")
    options = parser.parse_args()
    print(table(list(rows(options.runs, options.frames))), flush=True)
    print(f"Measured on {machine()}.")


if __name__ == "__main__":
    main()
