"""Side by side with pykan 0.2.8, in one command: ``python -m benchmarks``."""
