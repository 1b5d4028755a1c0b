"""Pages that need no kernel, as text; `tests/browser/page` opens one."""

import base64
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from kan_widget import KAN, KANWidget

X = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = X[:, [0]] ** 2


@pytest.fixture
def widget() -> KANWidget:
    return KANWidget(KAN([2, 5, 1], seed=0), (X[:40], Y[:40], X[40:], Y[40:]))


def state_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="kan-state">(.*?)</script>', page, re.DOTALL)
    assert found
    state: dict[str, object] = json.loads(found[1])
    return state


def test_page_holds_the_state_of_now(widget: KANWidget, tmp_path: Path) -> None:
    widget.threshold = 0.02
    widget.session.prune([(0, 0, 1)])
    page = widget.to_html(tmp_path / "kan.html")
    assert (tmp_path / "kan.html").read_text(encoding="utf-8") == page
    state = state_of(page)
    assert state["metrics"] == json.loads(json.dumps(widget.metrics))
    pruning = state["pruning"]
    assert isinstance(pruning, dict)
    assert base64.b64decode(pruning["edges"]) == widget.pruning["edges"]
    curve = state["curve"]
    assert isinstance(curve, dict)
    losses = np.frombuffer(base64.b64decode(curve["loss"]), "<f4")
    kept = KANWidget(widget.model, widget.session.adapter.data)  # its start is the present state
    kept.session.restore([edge for edge in kept.session.plan.pruned if edge != (0, 0, 1)])
    assert losses[0] == pytest.approx(kept.metrics["now"]["test_loss"], rel=1e-5)


def test_page_is_small_and_asks_no_other_site(widget: KANWidget) -> None:
    page = widget.to_html()
    assert len(page.encode()) < 200_000
    assert not re.search(r'(src|href)="?https?:', page)


def test_page_cannot_be_broken_out_of_by_names(widget: KANWidget) -> None:
    evil = "</script><script>alert(1)</script><!--"
    widget.model.names[0][0] = evil
    page = KANWidget(widget.model, (X, Y)).to_html(title=evil)
    assert evil not in page
    assert page.count("<script") == 4
    network = state_of(page)["network"]
    assert isinstance(network, dict)
    assert network["names"][0][0] == evil


def test_page_leaves_the_widget_as_it_is(widget: KANWidget) -> None:
    before = dict(widget.pruning)
    widget.to_html()
    assert widget.pruning == before
    assert widget.curve == {}


def test_frame_holds_the_page(widget: KANWidget) -> None:
    html = widget.static().data
    assert html.startswith("<div><iframe srcdoc=")
    assert 'sandbox="allow-scripts' in html


def test_page_asked_for_by_a_view_is_that_of_python(widget: KANWidget) -> None:
    sent: list[dict[str, object]] = []
    widget.send = lambda content, buffers=None: sent.append(content)  # type: ignore[method-assign]
    widget.session.prune([(0, 1, 1)])
    widget._handle_custom_msg({"type": "ask", "id": "q", "about": "page"}, [])
    end = time.monotonic() + 20
    while not sent:
        assert time.monotonic() < end
        time.sleep(0.01)
    (answer,) = sent
    value = answer["value"]
    assert isinstance(value, dict)
    assert value["html"] == widget.to_html()


def test_page_takes_the_curve_that_a_view_has_had(widget: KANWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    widget._handle_custom_msg({"type": "hello"}, [])
    for _ in range(400):
        if widget._foresight is not None and widget._foresight.known and "control_low" in widget.curve:
            break
        time.sleep(0.01)
    before = state_of(widget.to_html())["curve"]
    assert isinstance(before, dict)
    assert base64.b64decode(before["loss"]) == widget.curve["loss"]
    widget.session.prune([(0, 1, 1)])  # another curve: the known one is not taken for it
    after = state_of(widget.to_html())["curve"]
    assert isinstance(after, dict)
    assert after["loss"] != before["loss"]
