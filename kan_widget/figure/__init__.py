"""Pictures in matplotlib, from arrays: for papers and for machines without a browser."""

from .bars import Bar, Dumbbell, draw_bar_panels, draw_bars, draw_before_after, draw_dumbbells, draw_shares
from .connections import Matrix, draw_connections
from .effects import EffectBar, draw_effects
from .histogram import draw_histogram
from .importance import Ranked, draw_importance, draw_importance_image
from .lines import draw_lines
from .network import draw_network
from .networks import Picture, draw_networks
from .panels import NotebookFigure
from .sensitivity import Bearing, draw_sensitivity
from .shapes import ShapePanel, draw_shapes

__all__ = [
    "Bar",
    "Bearing",
    "Dumbbell",
    "EffectBar",
    "Matrix",
    "NotebookFigure",
    "Picture",
    "Ranked",
    "ShapePanel",
    "draw_bar_panels",
    "draw_bars",
    "draw_before_after",
    "draw_connections",
    "draw_dumbbells",
    "draw_effects",
    "draw_histogram",
    "draw_importance",
    "draw_importance_image",
    "draw_lines",
    "draw_network",
    "draw_networks",
    "draw_sensitivity",
    "draw_shapes",
    "draw_shares",
]
