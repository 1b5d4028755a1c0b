"""KAN mathematics in plain torch. Knows nothing of pruning policy or of widgets."""
