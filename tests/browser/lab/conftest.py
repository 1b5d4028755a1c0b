"""A JupyterLab for the tests of this folder, and a page of it for each module."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab.harness import Lab, Server, open_lab, running_server


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture(scope="module")
def lab(lab_server: Server, browser: Browser) -> Iterator[Lab]:
    """A page in a browser context of its own, so that no module sees another's settings."""
    with open_lab(lab_server, browser) as lab:
        yield lab


@pytest.fixture(scope="module")
def one_thread_lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A page of a JupyterLab whose kernel hears widgets only between two cells."""
    folder = tmp_path_factory.mktemp("jupyterlab-one-thread")
    with running_server(folder, comms="disabled") as server, open_lab(server, browser) as lab:
        yield lab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take a picture of what a failed test saw."""
    report = yield
    if report.failed:
        for argument in getattr(item, "funcargs", {}).values():
            if isinstance(argument, Lab):
                argument.screenshot(f"failed-{item.name}")
    return report
