"""Pruning in rounds: to a sparsity, within a loss, to a cost, batch by batch, for each row; and on to a new task."""

from .adaptive import adaptive_prune
from .dynamic import Batch, Followed, dynamic_prune
from .gating import Gate, Gating, gate
from .hardware import PricedRound, hardware_prune
from .iterative import iterative_prune
from .rounds import Pruned, Round
from .transfer import Contender, Transferred, transfer

__all__ = [
    "Batch",
    "Contender",
    "Followed",
    "Gate",
    "Gating",
    "PricedRound",
    "Pruned",
    "Round",
    "Transferred",
    "adaptive_prune",
    "dynamic_prune",
    "gate",
    "hardware_prune",
    "iterative_prune",
    "transfer",
]
