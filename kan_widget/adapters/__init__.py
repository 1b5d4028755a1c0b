"""The only place where pruning meets a KAN library: one port, one file per library."""

from .base import Adapter, Evaluation, Footprint, Gated, Rows, adapt, adapt_alone

__all__ = ["Adapter", "Evaluation", "Footprint", "Gated", "Rows", "adapt", "adapt_alone"]
