"""See what a Kolmogorov-Arnold network has learnt, and prune it with a hand on the cost.

Example:
    >>> from kan_widget import KAN, create_dataset
    >>> dataset = create_dataset(lambda x: x[:, [0]] ** 2, n_var=2)
    >>> model = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
    >>> model(dataset["train_input"]).shape
    torch.Size([1000, 1])
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from .core.topology import Edge as Edge
from .core.topology import Node as Node
from .kan import KAN as KAN
from .nn.backend import backend as backend
from .nn.datasets import create_dataset as create_dataset
from .nn.layer import KANLayer as KANLayer
from .pruning import prune as prune
from .pruning import scores as scores
from .report import compare as compare
from .report import curve as curve
from .report import efficiency as efficiency
from .report import evaluate as evaluate
from .report import sensitivity as sensitivity
from .report import study as study
from .schedules import adaptive_prune as adaptive_prune
from .schedules import dynamic_prune as dynamic_prune
from .schedules import hardware_prune as hardware_prune
from .schedules import iterative_prune as iterative_prune
from .schedules import transfer as transfer
from .session import Session as Session

if TYPE_CHECKING:
    from .widget.widget import KANWidget as KANWidget

__version__ = version("kan-widget")
__all__ = [
    "KAN",
    "Edge",
    "KANLayer",
    "KANWidget",
    "Node",
    "Session",
    "adaptive_prune",
    "backend",
    "compare",
    "create_dataset",
    "curve",
    "dynamic_prune",
    "efficiency",
    "evaluate",
    "hardware_prune",
    "iterative_prune",
    "prune",
    "scores",
    "sensitivity",
    "study",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name == "KANWidget":  # brings ipywidgets along, which scripts without a notebook need not wait for
        from .widget.widget import KANWidget

        return KANWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
