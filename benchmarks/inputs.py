"""A hundred inputs, each half as important as the last, ranked by scores: ``python -m benchmarks.inputs``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
import torch
from torch import Tensor

from kan_widget import KAN, create_dataset, prune, scores

from . import peer
from .pruning import Line, chance, table

WIDTH = [100, 10, 10, 1]
CRITERIA = ("auto", "taylor2", "attribution", "std", "l1")
AIM = 8


def decaying(x: Tensor) -> Tensor:
    """The sum of 0.5^i x_i^2: the second function of pykan's "Interpretability 4: Feature attribution"."""
    return (x**2 * 0.5 ** torch.arange(x.shape[1])).sum(1, keepdim=True)


def task(seed: int, steps: int = 50) -> tuple[KAN, dict[str, Tensor]]:
    """A network trained on it, with the options that pykan's page has."""
    data = create_dataset(decaying, n_var=WIDTH[0], seed=seed)
    model = KAN(WIDTH, grid=3, k=3, seed=seed)
    model.fit(data, steps=steps, lamb=1e-3, progress=False)
    return model, data


def halved(model: KAN, data: dict[str, Tensor], times: int = 3) -> KAN:
    """The weaker half of the inputs dropped and the rest trained on, a few times over: what is left has less noise."""
    for _ in range(times):
        model = prune(model, data, structure="input", amount=0.5, criterion="taylor2").compact()
        # The penalty of the first training would wipe out what the eighth input adds.
        model.fit(data, steps=10, lamb=1e-4, progress=False)
    model.fit(data, steps=10, progress=False)
    return model


def in_order(values: np.ndarray) -> int:
    """How many inputs lead the ranking in the right order, up to the first that is wrong."""
    right = np.argsort(-values, kind="stable") == np.arange(len(values))
    return int(np.cumprod(right).sum())


def leading(model: KAN, data: dict[str, Tensor], criterion: str) -> int:
    """The same for the inputs of a network, of which those that it has dropped come last."""
    values = np.full(WIDTH[0], -np.inf)
    kept = [int(name[1:]) - 1 for name in model.names[0]]
    values[kept] = scores(model, data, criterion, structure="input")[0]
    return in_order(values)


def ours(seed: int) -> tuple[dict[str, int], dict[str, int]]:
    """Inputs in order by each criterion, in the trained network and in what is left after halving."""
    model, data = task(seed)
    small = halved(model, data)
    names = {name: name for name in CRITERIA} | {"random": chance(seed)}
    whole, less = ({name: leading(net, data, key) for name, key in names.items()} for net in (model, small))
    return whole, less


def theirs(seed: int) -> int:
    """Inputs in order by pykan's attribution in a network that pykan has trained."""
    data = create_dataset(decaying, n_var=WIDTH[0], seed=seed)
    with peer.elsewhere():
        from kan import KAN as Peer

        model = Peer(width=WIDTH, grid=3, k=3, seed=seed, auto_save=False)
        model.fit(data, steps=50, lamb=1e-3)
        return in_order(model.feature_score.detach().numpy())


def lines(seeds: Sequence[int], peers: Sequence[int]) -> Iterator[Line]:
    """What every criterion finds."""
    found = [ours(seed) for seed in seeds]
    peer_found = [theirs(seed) for seed in peers]
    told = (
        f"of 100 inputs, sum of 0.5^i x_i^2, [100, 10, 10, 1]: the first {AIM} lead the scores in order, "
        f"{len(seeds)} seeds; in brackets how many do, median",
        "the same after the weaker half of the inputs was dropped and the rest trained on, three times",
    )
    for what, runs in zip(told, zip(*found, strict=True), strict=True):
        hits = {name: [one[name] for one in runs] for name in (*CRITERIA, "random")}
        yield Line(
            "14",
            what,
            ", ".join(f"{name} {words(hits[name])}" for name in CRITERIA),
            words(hits["random"]),
            words(peer_found) if what is told[0] and peer_found else "",
            goal=f"first {AIM}, median of taylor2",
            met=(None, median(hits["taylor2"]) >= AIM),
        )


def words(counts: Sequence[int]) -> str:
    """How many seeds reach the aim, and the usual number."""
    return f"{sum(one >= AIM for one in counts)}/{len(counts)} ({median(counts):g})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inputs", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="trainings")
    parser.add_argument("--pykan", type=int, default=1, help="trainings by pykan, a minute each")
    parser.add_argument("--quick", action="store_true", help="one training, none by pykan")
    options = parser.parse_args()
    torch.set_num_threads(1)
    own, others = (1, 0) if options.quick else (options.seeds, options.pykan)
    for text in table(lines(range(own), range(others))):
        print(text, flush=True)
