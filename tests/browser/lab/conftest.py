"""A JupyterLab for the tests of this folder, and a fresh page of it for each."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab.harness import Lab, Server, running_server


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("jupyterlab")) as server:
        yield server


@pytest.fixture
def lab(lab_server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A page in a browser context of its own, so that no test sees another's settings."""
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        lab = Lab(lab_server, context.new_page())
        yield lab
        if request.node.stash.get(FAILED, False):
            lab.screenshot(f"failed-{request.node.name}")


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure until the page is closed, so that a picture of it can be taken."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
