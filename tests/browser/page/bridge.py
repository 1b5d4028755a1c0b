"""Pages on a real widget of Python: what a kernel carries between them, carried by the test."""

import base64
from typing import Any

from playwright.sync_api import Locator

from kan_widget import KANWidget
from tests.browser.page.harness import Stand

TRAITS = ("network", "scores", "pruning", "metrics", "curve", "training", "notice", "threshold", "selection")


def carried(value: Any) -> Any:
    """A value as JSON can hold it: bytes as base64, which the front end takes in place of any binary value."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: carried(item) for key, item in value.items()}
    return [carried(item) for item in value] if isinstance(value, (list, tuple)) else value


class Bridge:
    """One widget and several browsers that show it."""

    def __init__(self, widget: KANWidget, *stands: Stand) -> None:
        self.widget, self.stands = widget, stands
        self._said: list[tuple[Any, list[bytes]]] = []
        self._shown: dict[str, Any] = {}
        widget.send = lambda content, buffers=None: self._said.append((content, buffers or []))  # type: ignore[method-assign]
        for stand in stands:
            stand.page.evaluate("traits => window.stand.bridge(traits)", self._state())
            stand.settle()
        self._shown = self._state()

    def _state(self) -> dict[str, Any]:
        return {name: carried(getattr(self.widget, name)) for name in TRAITS}

    def pump(self) -> int:
        """Carry what waits, once, the pages by turns; gives how many messages there were."""
        waiting = [stand.page.evaluate("() => window.stand.outbox.splice(0)") for stand in self.stands]
        count = 0
        for turn in range(max(map(len, waiting))):
            for messages in waiting:
                for content in messages[turn : turn + 1]:
                    self.widget._handle_custom_msg(content, [])
                    count += 1
        self._tell()
        return count

    def _tell(self) -> None:
        """State first, then the answers, to every page, as a kernel's comm does."""
        now = self._state()
        changed = {name: value for name, value in now.items() if value != self._shown[name]}
        said = [[carried(content), carried(buffers)] for content, buffers in self._said]
        self._shown, self._said = now, []
        for stand in self.stands:
            stand.page.evaluate("([changed, said]) => window.stand.hear(changed, said)", [changed, said])

    def settle(self) -> None:
        """Carry until nobody has anything more to say."""
        for _ in range(200):
            if self.pump() == 0 and not any(
                stand.page.evaluate("() => new Promise(done => setTimeout(() => done(window.stand.outbox.length)))")
                for stand in self.stands
            ):
                break
        for stand in self.stands:
            stand.settle()

    def carry_until(self, shown: Locator) -> None:
        """Carry until a page shows something, since it loads some of its code before it asks."""
        for _ in range(100):
            self.settle()
            if shown.is_visible():
                return
            shown.page.wait_for_timeout(50)
