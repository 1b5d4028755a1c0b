"""The only place where pruning meets a KAN library: one port, one file per library."""

from .base import Adapter, Evaluation, Footprint, Gated, Rows, adapt, adapt_alone
from .slices import named_rows

__all__ = ["Adapter", "Evaluation", "Footprint", "Gated", "Rows", "adapt", "adapt_alone", "named_rows"]
