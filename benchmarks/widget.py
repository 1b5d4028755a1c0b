"""How much a browser has to load."""

from __future__ import annotations

import gzip
from argparse import Namespace
from importlib.resources import files

from .table import Row


def rows(_: Namespace) -> list[Row]:
    """Size of the front end as it is and as it travels."""
    module = files("kan_widget").joinpath("static/widget.js").read_bytes()
    return [
        Row("front end, minified", len(module) / 1000, "kB", most=100.0),
        Row("front end, gzipped", len(gzip.compress(module, mtime=0)) / 1000, "kB"),
    ]
