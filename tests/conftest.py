"""What tests of every floor share: one browser for the whole run, and the order of the tests."""

import os
import shutil
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Charts drawn by a test must not look for a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
# Threads that wait for each other on a shared core can make a small network's training 25 times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without it jupyter_core warns that its folders will move.
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

# Speed on a shared machine says nothing, and a run of CI should be one that can be repeated.
settings.register_profile("kan_widget", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("kan_widget")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = [
    "--no-sandbox",  # root has no sandbox, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # A browser that phones home stalls where there is no network.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_sessionstart() -> None:
    """A run that asks for the native kernel is none without it."""
    if os.environ.get("KAN_WIDGET_BACKEND") == "native":
        from kan_widget import backend

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = backend()
        if found.name != "native":
            pytest.exit(f"nothing to test here: {found.reason}", returncode=0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the quick tests first, and those with a browser last.

    Playwright's synchronous API leaves an event loop running in the main thread until the run
    ends, so nothing that starts a loop of its own may come after it.
    """

    def lateness(item: pytest.Item) -> int:
        marks = ("slow", "wheel", "browser")
        return max((i + 1 for i, mark in enumerate(marks) if item.get_closest_marker(mark)), default=0)

    items.sort(key=lateness)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; the test is skipped where there is none."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip(f"no Chromium here (looked for {named or ', '.join(CHROMIUM_NAMES)})")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator["Browser"]:
    """One headless browser for the whole run; take a new context from it for each test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
