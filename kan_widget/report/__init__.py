"""What pruning costs and saves, measured."""

from .curve import Curve, Curves, curve
from .effects import Effect
from .sensitivity import LayerSensitivity, Sensitivity, sensitivity
from .study import Study, Trial, study

__all__ = [
    "Curve",
    "Curves",
    "Effect",
    "LayerSensitivity",
    "Sensitivity",
    "Study",
    "Trial",
    "curve",
    "sensitivity",
    "study",
]
