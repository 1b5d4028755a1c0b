"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .lines import draw_lines
from .network import NetworkFigure, draw_network

__all__ = ["NetworkFigure", "draw_lines", "draw_network"]
