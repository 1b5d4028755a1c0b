"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .bars import Bar, Dumbbell, draw_bar_panels, draw_bars, draw_before_after, draw_dumbbells, draw_shares
from .connections import Matrix, draw_connections
from .effects import EffectBar, draw_effects
from .lines import draw_lines
from .network import draw_network
from .networks import Picture, draw_networks
from .panels import NotebookFigure
from .sensitivity import Bearing, draw_sensitivity

__all__ = [
    "Bar",
    "Bearing",
    "Dumbbell",
    "EffectBar",
    "Matrix",
    "NotebookFigure",
    "Picture",
    "draw_bar_panels",
    "draw_bars",
    "draw_before_after",
    "draw_connections",
    "draw_dumbbells",
    "draw_effects",
    "draw_lines",
    "draw_network",
    "draw_networks",
    "draw_sensitivity",
    "draw_shares",
]
