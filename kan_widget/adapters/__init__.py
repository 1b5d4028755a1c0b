"""The only place where pruning meets a KAN library: one port, one file per library."""

from .base import Adapter, Evaluation, adapt

__all__ = ["Adapter", "Evaluation", "adapt"]
