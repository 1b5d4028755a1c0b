"""From a key press in a real JupyterLab to the numbers that Python answered, drawn: ``python -m benchmarks.roundtrip``.

It drives the JupyterLab of the browser tests, so it needs what they need: Chromium and playwright.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from statistics import median, quantiles

from .browser import chromium

CELL = """
from kan_widget import KAN, KANWidget, create_dataset
dataset = create_dataset(lambda x: x[:, [0]] ** 2 + x[:, [1]], n_var=2)
model = KAN([2, 5, 1], grid=5, k=3, seed=0)
model.fit(dataset, steps=5, progress=False)
KANWidget(model, dataset)
"""

# The front end draws what was asked at once and marks the numbers as stale; they are fresh, and other than before, only
# when the answer of Python has been drawn. The frame after that is the one that a person sees.
ARM = """metrics => {
    const before = metrics.textContent;
    window.roundTrip = new Promise(resolve => {
        const onKey = event => {
            if (!["Delete", "z"].includes(event.key)) return;
            window.removeEventListener("keydown", onKey, true);
            const start = performance.now();
            const look = () => {
                const fresh = !metrics.classList.contains("stale") && metrics.textContent !== before;
                if (!fresh) return requestAnimationFrame(look);
                requestAnimationFrame(() => resolve(performance.now() - start));
            };
            look();
        };
        window.addEventListener("keydown", onKey, true);
    });
}"""


def milliseconds(clicks: int) -> list[float]:
    """Time of each of so many edits, every other one an undo."""
    from tests.browser.lab.harness import open_lab, running_server

    times = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        chromium() as browser,
        open_lab(server, browser) as lab,
    ):
        lab.open([CELL])
        lab.run_cell(0)
        region = lab.page.get_by_role("region", name=re.compile("^Kolmogorov-Arnold network"))
        metrics = region.get_by_role("status", name="Metrics")
        box = region.get_by_role("option", name=re.compile("^edge x1 to h2")).bounding_box()
        assert box is not None
        lab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for click in range(clicks):
            metrics.evaluate(ARM)
            lab.page.keyboard.press("Control+z" if click % 2 else "Delete")
            times.append(lab.page.evaluate("() => window.roundTrip"))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roundtrip", description=__doc__)
    parser.add_argument("--clicks", type=int, default=50, help="edits to time")
    times = milliseconds(parser.parse_args().clicks)
    slow = quantiles(times, n=20)[-1]
    print(f"key press to Python's answer drawn, [2, 5, 1]: median {median(times):.0f} ms, 95 % within {slow:.0f} ms")


if __name__ == "__main__":
    main()
