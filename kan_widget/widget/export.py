"""The widget as one page that needs neither a kernel nor a network."""

from __future__ import annotations

import base64
import gzip
import html
import json
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent.parent / "static"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="kan_widget {version}">
<title>{title}</title>
<style>html {{ color-scheme: light dark }} body {{ margin: 0 auto; padding: 8px; max-width: 1280px }}</style>
</head>
<body>
<div id="kan"></div>
<script type="application/json" id="kan-state">{state}</script>
<script type="text/plain" id="kan-widget">{widget}</script>
<script type="text/plain" id="kan-sheets">{sheets}</script>
<script type="module">{page}</script>
</body>
</html>
"""


def page(state: dict[str, Any], *, title: str, version: str) -> str:
    """A page that shows the widget in this state, and that answers to slider, clicks and undo.

    Args:
        state: Values of the traits; bytes are written as base64, which the front end takes in their place.
        title: Of the page.
        version: Of the package.
    """
    scripts = {name: _script((STATIC / f"{name}.js").read_text(encoding="utf-8")) for name in ("widget", "page")}
    sheets = _packed((STATIC / "sheets.js").read_bytes())
    text = json.dumps(state, default=_as_text, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return _PAGE.format(title=html.escape(title), version=version, state=text, sheets=sheets, **scripts)


def frame(text: str, height: int) -> str:
    """A page as an element that can stand in another page, a notebook's output for one."""
    return (
        f'<div><iframe srcdoc="{html.escape(text)}" sandbox="allow-scripts allow-downloads" '
        f'allow="fullscreen *; clipboard-write *" style="width:100%;height:{height}px;border:0" '
        'title="kan_widget"></iframe></div>'
    )


def _packed(code: bytes) -> str:
    """Code as gzip in base64, the same bytes every time."""
    return base64.b64encode(gzip.compress(code, mtime=0)).decode("ascii")


def _script(code: str) -> str:
    """Code as it may stand in a script element; the backslashes change no string, template or pattern in it."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a trait holds a {type(value).__name__}, which no page can hold")
