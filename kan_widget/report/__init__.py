"""What pruning costs and saves, measured."""

from .bootstrap import Estimate
from .compare import compare
from .comparison import Change, Comparison
from .connections import Connections, Side, connections
from .control import Control
from .curve import Curve, Curves, curve
from .effects import Effect
from .efficiency import Efficiency, Form, efficiency, measure_together
from .formula import formula
from .histogram import Histogram, histogram
from .importance import Importance, importance
from .quality import Quality, evaluate
from .sensitivity import LayerSensitivity, Sensitivity, sensitivity
from .shapes import ShapeFunction, Shapes, shapes
from .standing import OnRows, Standing, standing
from .study import Study, study
from .timing import Latency
from .trials import Trial
from .worth import Worth, worth

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
    "Histogram",
    "Importance",
    "Latency",
    "LayerSensitivity",
    "OnRows",
    "Quality",
    "Sensitivity",
    "ShapeFunction",
    "Shapes",
    "Side",
    "Standing",
    "Study",
    "Trial",
    "Worth",
    "compare",
    "connections",
    "curve",
    "efficiency",
    "evaluate",
    "formula",
    "histogram",
    "importance",
    "measure_together",
    "sensitivity",
    "shapes",
    "standing",
    "study",
    "worth",
]
