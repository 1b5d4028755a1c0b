"""A pruned network on a new task: masks stay, coefficients are fitted anew, and controls are trained beside it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ..adapters import Adapter, adapt
from ..core.reach import active_edges
from ..core.scores import Scores
from ..core.select import Target, choose
from ..core.topology import Masks, Topology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FREEZE = ("masks", "inner")


@dataclass(frozen=True)
class Contender:
    """One network trained on the new task: the transferred one, or a control.

    Attributes:
        name: What it started from: ``"transferred"``, or a control.
        draw: Which draw of chance; 0 where there is none.
        edges: Active edges.
        loss: On the held-out rows of the new task.
        accuracy: The same; None for regression.
        seconds: What its training took.
    """

    name: str
    draw: int
    edges: int
    loss: float
    accuracy: float | None
    seconds: float


@dataclass
class Transferred:
    """A pruned model on a new task, and what its controls do there.

    Attributes:
        model: The copy that was fitted to the new task.
        contenders: What was trained, in order.
        stopped: Why it ended before the last control: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    model: Any
    contenders: list[Contender] = field(default_factory=list)
    stopped: str = ""

    def losses(self) -> dict[str, NDArray[np.float64]]:
        """Held-out losses by name, one a draw."""
        names = dict.fromkeys(one.name for one in self.contenders)
        return {name: np.array([one.loss for one in self.contenders if one.name == name]) for name in names}

    def to_frame(self) -> Any:
        """A pandas data frame, one row a contender."""
        import pandas as pd

        return pd.DataFrame([vars(one) for one in self.contenders])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean losses as bars, with whiskers from the best draw to the worst."""
        from ..figure import Bar, draw_bars

        bars = {
            name.replace(" ", "\n"): Bar(*([losses.mean(), losses.min(), losses.max()] if len(losses) > 1 else losses))
            for name, losses in self.losses().items()
        }
        return draw_bars({"loss": bars}, ylabel="loss on test rows", ax=ax)

    def __repr__(self) -> str:
        lines = [f"Transferred({len(self.contenders)} trainings{', ' if self.stopped else ''}{self.stopped})"]
        for name, losses in self.losses().items():
            edges = [one.edges for one in self.contenders if one.name == name]
            spread = f" +- {losses.std(ddof=1):.2g} ({len(losses)} draws)" if len(losses) > 1 else ""
            lines.append(f"  {name:<20} {np.mean(edges):>6.0f} edges  loss {losses.mean():.3g}{spread}")
        return "\n".join(lines)


def transfer(
    model: Any,
    data: Any,
    *,
    freeze: str = "masks",
    draws: int = 3,
    tune: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[Contender], Any] | None = None,
) -> Transferred:
    """Fit a pruned model to a new task under its masks, and train the controls as long. The model is left alone.

    The controls tell what helped: ``"dense, same weights"`` has every edge on. ``"same masks, fresh"``,
    ``"random masks, fresh"`` (as many active edges, every output connected) and ``"dense, fresh"`` start from untrained
    weights, which are the same for the three in each draw.

    Args:
        model: A KAN with pruned edges: masked, not its compact, which has forgotten what it was pruned from.
        data: Training and held-out rows of the new task, ``(x, y, x_test, y_test)`` or pykan's dict.
        freeze: What stays of the model: ``"masks"``, or ``"inner"``, the functions of all layers but the last too.
        draws: How often chance is drawn.
        tune: Options of the model's ``fit``, the same for all. When left out, 20 LBFGS steps.
        progress: Whether to show a progress bar.
        callback: Called after each training; stops if it gives False.

    Returns:
        The fitted model and the held-out losses of all.

    Raises:
        ValueError: If nothing is pruned, an option cannot be used, the data do not fit the model, or there are no
            held-out rows.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, prune
        >>> x = torch.rand(60, 2)
        >>> old = prune(KAN([2, 3, 1], seed=0), (x, x[:, :1]), sparsity=0.4)
        >>> new = (x[:40], x[:40, :1] ** 2, x[40:], x[40:, :1] ** 2)
        >>> found = transfer(old, new, draws=1, tune={"steps": 2}, progress=False)
        >>> [one.name for one in found.contenders]
        ['transferred', 'dense, same weights', 'same masks, fresh', 'random masks, fresh', 'dense, fresh']
    """
    options = {"progress": False, **({"steps": 20} if tune is None else tune)}
    start = _checked(model, data, freeze, draws)
    first = start.twin()
    result = Transferred(first.model)
    with tqdm(total=2 + 3 * draws, disable=not progress) as bar:
        try:
            for name, draw, entrant in itertools.chain([("transferred", 0, first)], _controls(start, draws)):
                inner = freeze == "inner" and entrant is first
                train = _train_last if inner else _train
                contender, finished = train(name, draw, entrant, options)
                if finished or entrant is first:
                    result.contenders.append(contender)
                if not finished:
                    raise KeyboardInterrupt
                bar.set_postfix_str(f"{name}: loss {contender.loss:.3g}", refresh=False)
                bar.update()
                if callback is not None and callback(contender) is False:
                    result.stopped = "callback"
                    break
        except KeyboardInterrupt:
            result.stopped = "interrupted"
    return result


def _checked(model: Any, data: Any, freeze: str, draws: int) -> Adapter:
    if freeze not in FREEZE:
        raise ValueError(f"freeze must be one of {', '.join(FREEZE)}; got {freeze!r}")
    if draws < 1:
        raise ValueError(f"draws of the controls must be at least 1; got {draws}")
    start = adapt(model, data)
    if "test" not in start.evaluate():
        raise ValueError("a transfer is judged on held-out rows; give (x, y, x_test, y_test)")
    if all(mask.all() for mask in start.masks()[0]):
        raise ValueError(
            "nothing is pruned in this model; give the masked model that pruning returned, not its compact"
        )
    return start


def _controls(start: Adapter, draws: int) -> Iterator[tuple[str, int, Adapter]]:
    """What to train beside the model: name, draw, network."""
    own, fills = start.masks()
    everything = start.topology.full(True)
    edges = _count(own)
    yield "dense, same weights", 0, _masked(start.twin(), everything, fills)
    empty = tuple(np.zeros_like(fill) for fill in fills)
    for draw in range(draws):
        chance = random_masks(start.topology, edges, draw)
        for name, masks in (("same masks", own), ("random masks", chance), ("dense", everything)):
            yield f"{name}, fresh", draw, _masked(start.fresh(draw), masks, empty)


def _masked(adapter: Adapter, masks: Masks, fills: Any) -> Adapter:
    adapter.write_masks(masks, fills)
    return adapter


def _train(name: str, draw: int, adapter: Adapter, options: Mapping[str, Any]) -> tuple[Contender, bool]:
    """The trained network's record, and whether its training came to its end."""
    started = time.perf_counter()
    outcome = adapter.fit(dict(options))
    seconds = time.perf_counter() - started
    quality = adapter.evaluate()["test"]
    contender = Contender(name, draw, _count(adapter.masks()[0]), quality.loss, quality.accuracy, seconds)
    return contender, outcome.stopped != "interrupted"


def _train_last(name: str, draw: int, adapter: Adapter, options: Mapping[str, Any]) -> tuple[Contender, bool]:
    """As `_train`, the functions of all layers but the last left as they are; moving their grids would change them."""
    release = adapter.hold(adapter.topology.depth - 1)
    try:
        return _train(name, draw, adapter, {**options, "update_grid": False})
    finally:
        release()


def random_masks(topology: Topology, edges: int, seed: int) -> Masks:
    """Masks of chance with so many active edges that leave each output a path to an input.

    Args:
        topology: Of the network.
        edges: How many edges are to be active; a few more are where no choice tried has as many.
        seed: Of the choice.
    """
    generator = np.random.default_rng(seed)
    luck = Scores(
        tuple(generator.random(shape) for shape in topology.shapes),
        tuple(generator.random(width) for width in topology.widths),
    )
    full = topology.full(True)
    order = [topology.edge(part) for part in choose(luck, full, Target(threshold=np.inf))]

    def without(count: int) -> Masks:
        gone = topology.masks_of(order[:count])
        return tuple(~mask for mask in gone)

    fewest, most = 0, len(order)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if _count(without(middle)) >= edges else (fewest, middle - 1)
    masks = without(fewest)
    for layer, source, target in order[fewest:]:
        if _count(masks) == edges:
            break
        masks[layer][target, source] = False
        if _count(masks) < edges:
            masks[layer][target, source] = True
    return active_edges(masks)


def _count(masks: Masks) -> int:
    return sum(int(mask.sum()) for mask in active_edges(masks))
