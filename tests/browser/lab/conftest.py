"""A JupyterLab for the tests of this folder, and a page of it for each module."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab.harness import Lab, Server, running_server


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture(scope="module")
def lab(lab_server: Server, browser: Browser) -> Iterator[Lab]:
    """A page in a browser context of its own, so that no module sees another's settings."""
    with browser.new_context(viewport={"width": 1280, "height": 1400}) as context:
        yield Lab(lab_server, context.new_page())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take a picture of what a failed test saw."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and lab:
        lab.screenshot(f"failed-{item.name}")
    return report
