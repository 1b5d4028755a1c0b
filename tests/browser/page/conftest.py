"""The built front end in a real browser, without Jupyter and without Python behind it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.page.harness import BUNDLE, Stand, serve

WIDTH = 1280


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    if not BUNDLE.exists():
        pytest.skip("the front end is not built; run `npm ci && npm run build` in js")
    with serve() as address:
        yield address


@pytest.fixture
def stand(browser: Browser, site: str) -> Iterator[Stand]:
    """A page without a widget yet; nothing in it may end up on the console."""
    context = browser.new_context(viewport={"width": WIDTH, "height": 760}, locale="en-US")
    context.set_default_timeout(10_000)
    stand = Stand(context.new_page(), site)
    yield stand
    context.close()
    assert stand.errors == []
