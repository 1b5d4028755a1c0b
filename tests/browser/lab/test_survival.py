"""A kernel that dies under the hand, in a real JupyterLab."""

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.lab.harness import Lab
from tests.browser.lab.test_lab import SHOW, TRAIN, the_view

pytestmark = pytest.mark.browser


def test_kernel_that_is_killed_in_mid_drag_leaves_a_page_that_goes_on_alone(lab: Lab) -> None:
    lab.open([TRAIN, SHOW])
    lab.run_cell(0)
    lab.run_cell(1)
    view = the_view(lab, 1)
    handle, whole = view.slider.bounding_box(), view.region.bounding_box()
    assert handle is not None
    assert whole is not None
    mouse, height = lab.page.mouse, handle["y"] + handle["height"] / 2
    kernel = lab.value("__import__('os').getpid()")
    lab.errors.clear()
    mouse.move(handle["x"] + handle["width"] / 2, height)
    mouse.down()
    mouse.move(whole["x"] + 0.3 * whole["width"], height, steps=5)
    os.kill(kernel, signal.SIGKILL)
    mouse.move(whole["x"] + 0.6 * whole["width"], height, steps=5)
    mouse.up()
    expect(view.region.get_by_text("no kernel: edits stay on this page")).to_be_visible(timeout=20_000)
    expect(view.region.get_by_role("option", name=re.compile("^edge .*, pruned")).first).to_be_attached()
    expect(view.region.get_by_role("alert")).to_have_count(0)
    # JupyterLab reports the lost connection; of the widget there is nothing.
    assert [error for error in lab.errors if re.search("kan|TypeError|ReferenceError", error)] == []
