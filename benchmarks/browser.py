"""The Chromium that some benchmarks measure in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A headless Chromium, started with the arguments that the browser tests have and these."""
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
    from playwright.sync_api import sync_playwright

    from tests.conftest import CHROMIUM_ARGS, CHROMIUM_NAMES

    names = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else CHROMIUM_NAMES
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("this needs Chromium; name one in CHROMIUM")
    args = [*CHROMIUM_ARGS, *more]
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=args) as browser:
        yield browser
