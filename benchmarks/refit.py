"""How long a click takes where what is left is refitted: ``python -m benchmarks.refit``."""

from __future__ import annotations

import argparse
from statistics import median

import torch

from kan_widget import KAN, Session
from kan_widget.nn.refit import pre_activations, refit

from .clock import cpu_seconds
from .table import Row, table

# Shape, and how long the whole step may take.
CASES: list[tuple[list[int], float]] = [([2, 5, 1], 0.05), ([64, 16, 10], 0.4)]
ROWS = 1000


def dataset(n_in: int, n_out: int) -> dict[str, torch.Tensor]:
    """Rows of a smooth function of all inputs."""
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(n_in, n_out, generator=generator) / n_in**0.5
    parts = [torch.rand(ROWS, n_in, generator=generator) * 2 - 1 for _ in range(2)]
    labels = [torch.sin(2 * x @ mixture) for x in parts]
    return dict(zip(("train_input", "test_input", "train_label", "test_label"), parts + labels, strict=True))


def rows(width: list[int], most: float, clicks: int) -> list[Row]:
    """Medians over edges of both layers: a step of a session, as a click makes it, and the refit alone."""
    data = dataset(width[0], width[-1])
    model = KAN(width, grid=5, k=3, seed=0)
    model.fit(data, steps=5, progress=False)
    targets = pre_activations(model, data["train_input"])
    session = Session(model, data, compensate="least_squares")
    session.trace  # noqa: B018  the widget has it before the first click
    layers = enumerate(model.layers)
    edges = [(d, i, o) for d, layer in layers for o in range(layer.out_features) for i in range(layer.in_features)]
    chosen = [edges[at * len(edges) // clicks] for at in range(clicks)] if len(edges) > clicks else edges
    steps, alone = [], []
    for edge in [chosen[0], *chosen]:  # the first one warms up
        steps.append(cpu_seconds(lambda edge=edge: session.prune([edge])))
        session.undo()
        pruned = model.copy()
        pruned.layers[edge[0]].mask[edge[2], edge[1]] = False
        alone.append(cpu_seconds(lambda pruned=pruned: refit(pruned, data["train_input"], targets, "least_squares")))
    what = f"{width}, {ROWS} rows, one click with least_squares"
    return [
        Row(f"{what}: a step of the session", median(steps[1:]), most=most),
        Row(f"{what}: the refit alone", median(alone[1:])),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refit", description=__doc__)
    parser.add_argument("--clicks", type=int, default=30, help="edges that are pruned, one at a time")
    clicks = parser.parse_args().clicks
    torch.set_num_threads(1)
    print(table([row for width, most in CASES for row in rows(width, most, clicks)]))


if __name__ == "__main__":
    main()
