"""Decisions and numbers of pruning, in numpy alone: no torch, no files, no clock."""
