"""What pruning costs and saves, measured."""

from .bootstrap import Estimate
from .compare import compare
from .comparison import Change, Comparison
from .connections import Connections, Side, connections
from .control import Control
from .curve import Curve, Curves, curve
from .effects import Effect
from .efficiency import Efficiency, Form, efficiency
from .quality import Quality, evaluate
from .sensitivity import LayerSensitivity, Sensitivity, sensitivity
from .study import Study, Trial, study
from .timing import Latency

__all__ = [
    "Change",
    "Comparison",
    "Connections",
    "Control",
    "Curve",
    "Curves",
    "Effect",
    "Efficiency",
    "Estimate",
    "Form",
    "Latency",
    "LayerSensitivity",
    "Quality",
    "Sensitivity",
    "Side",
    "Study",
    "Trial",
    "compare",
    "connections",
    "curve",
    "efficiency",
    "evaluate",
    "sensitivity",
    "study",
]
