"""What pruning costs and saves, measured."""

from .curve import Curve, Curves, curve
from .sensitivity import LayerSensitivity, Sensitivity, sensitivity

__all__ = [
    "Curve",
    "Curves",
    "LayerSensitivity",
    "Sensitivity",
    "curve",
    "sensitivity",
]
