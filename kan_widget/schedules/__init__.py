"""Pruning in rounds: score, cut, make up for it, tune, measure; with a goal or within a limit."""

from .adaptive import adaptive_prune
from .iterative import iterative_prune
from .rounds import Pruned, Round

__all__ = ["Pruned", "Round", "adaptive_prune", "iterative_prune"]
