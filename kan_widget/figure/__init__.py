"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .lines import draw_lines
from .network import draw_network
from .panels import NotebookFigure
from .sensitivity import Bearing, draw_sensitivity

__all__ = [
    "Bearing",
    "NotebookFigure",
    "draw_lines",
    "draw_network",
    "draw_sensitivity",
]
