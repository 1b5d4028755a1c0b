"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .effects import EffectBar, draw_effects
from .lines import draw_lines
from .network import draw_network
from .panels import NotebookFigure
from .sensitivity import Bearing, draw_sensitivity

__all__ = [
    "Bearing",
    "EffectBar",
    "NotebookFigure",
    "draw_effects",
    "draw_lines",
    "draw_network",
    "draw_sensitivity",
]
