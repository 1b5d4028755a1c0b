"""What pruning costs and saves, measured."""

from .curve import Curve, Curves, curve

__all__ = ["Curve", "Curves", "curve"]
