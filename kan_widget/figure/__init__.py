"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .bars import Bar, Dumbbell, draw_bar_panels, draw_bars, draw_before_after, draw_dumbbells, draw_shares
from .effects import EffectBar, draw_effects
from .lines import draw_lines
from .network import draw_network
from .panels import NotebookFigure
from .sensitivity import Bearing, draw_sensitivity

__all__ = [
    "Bar",
    "Bearing",
    "Dumbbell",
    "EffectBar",
    "NotebookFigure",
    "draw_bar_panels",
    "draw_bars",
    "draw_before_after",
    "draw_dumbbells",
    "draw_effects",
    "draw_lines",
    "draw_network",
    "draw_sensitivity",
    "draw_shares",
]
