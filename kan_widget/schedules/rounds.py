"""What pruning in rounds is made of: one cut at a time, made up for, tuned, measured, kept or taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tqdm.auto import tqdm

from ..adapters import Adapter, Evaluation
from ..core.select import Part, Target, choose
from ..core.topology import Edge, EdgeArrays, Masks, Node
from ..session import Session

Callback = Callable[[Any], Any]


@dataclass(frozen=True)
class Round:
    """One round of pruning.

    Attributes:
        sparsity: Fraction of all edges that are pruned or dead after it.
        edges: Active edges after it.
        loss: On the held-out rows, after tuning.
        accuracy: The same; None for regression.
        accepted: Whether the round was kept.
        seconds: What it took.
    """

    sparsity: float
    edges: int
    loss: float
    accuracy: float | None
    accepted: bool
    seconds: float


@dataclass
class Pruned:
    """A pruned model and how it came about.

    Attributes:
        model: The pruned copy, masked; its `compact` is smaller.
        dense: Quality on the held-out rows before.
        rounds: What was tried, in order.
        stopped: Why it ended before its goal: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    model: Any
    dense: Evaluation
    rounds: list[Round] = field(default_factory=list)
    stopped: str = ""

    def to_frame(self) -> Any:
        """The rounds as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame([vars(step) for step in self.rounds])

    def __repr__(self) -> str:
        kept = [step for step in self.rounds if step.accepted]
        last = kept[-1] if kept else None
        now = f"{last.edges} edges left, loss {last.loss:.3g}" if last else "nothing pruned"
        why = f", {self.stopped}" if self.stopped else ""
        rounds = f"{len(kept)} of {len(self.rounds)} rounds kept"
        return f"Pruned({rounds}, {now} (dense {self.dense.loss:.3g}){why})"


def kinds(parts: Iterable[Part]) -> dict[str, Any]:
    """Parts as a session's commands take them: edges and nodes apart."""
    parts = list(parts)
    edges = [part for part in parts if isinstance(part, Edge)]
    return {"edges": edges, "nodes": [part for part in parts if isinstance(part, Node)]}


@dataclass(frozen=True, eq=False)
class Moment:
    """A model as it was, to come back to wherever Ctrl-C struck; a session knows only what it has finished."""

    adapter: Adapter
    masks: Masks
    fills: EdgeArrays
    weights: Any

    @classmethod
    def of(cls, adapter: Adapter) -> Moment:
        """The model as it is now."""
        return adapter.take(lambda: cls(adapter, *adapter.masks(), adapter.weights()))

    def put_back(self) -> None:
        """Make the model as it was then, bit for bit."""

        def write() -> None:
            self.adapter.write_masks(self.masks, self.fills)
            self.adapter.restore_weights(self.weights)

        self.adapter.take(write)


class Run:
    """A copy of the model under way: one cut at a time, kept or taken back.

    Args:
        model: Left alone.
        data: With held-out rows.
        criterion: What importance is.
        compensate: As in `prune`.
        tune: Options of the model's ``fit`` after each cut.
        rewind: Weights that every cut goes back to before it is tuned.
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        criterion: str,
        compensate: str,
        tune: Mapping[str, Any] | None,
        rewind: Any = None,
    ) -> None:
        self.tune = {"steps": 10} if tune is None else dict(tune)
        self.rewind = rewind
        self.session = Session(model.copy(), data, criterion=criterion, compensate=compensate)
        quality = self.session.metrics.quality
        if "test" not in quality:
            raise ValueError("pruning in rounds is judged on held-out rows; give (x, y, x_test, y_test)")
        self.loss = quality["test"].loss
        self.result = Pruned(self.session.model, quality["test"])
        self.interrupted = False
        self._mark()

    def _mark(self) -> None:
        """What to come back to."""
        self.start = self.session.history.position
        self.good = Moment.of(self.session.adapter)

    def weakest(self, target: Target) -> Sequence[Part]:
        """What to cut next."""
        return choose(self.session.scores, self.session.masks, target)

    def proposal(self, share: float) -> int:
        """How many edges to cut next: a share of those left, as far as outputs stay connected; 0 for none."""
        left = sum(int(mask.sum()) for mask in self.session.masks)
        free = len(self.weakest(Target(threshold=float("inf"))))
        return min(free, max(1, round(share * left)))

    def go(
        self,
        cuts: Iterable[Sequence[Part]],
        *,
        fine: Callable[[Round], bool] = lambda step: True,
        record: Callable[[Round], Round] = lambda step: step,
        rounds: int | None = None,
        progress: bool = True,
        callback: Callback | None = None,
    ) -> Pruned:
        """Make one cut after the other; a cut that is not `fine` is taken back, and so is one that Ctrl-C breaks off.

        Args:
            cuts: The parts to cut; each is asked for after the round before it.
            fine: Whether to keep a round.
            record: Completes the record of a round.
            rounds: How many there will be, if that is known.
            progress: Whether to show a progress bar.
            callback: Called after each round; stops if it gives False.
        """
        with tqdm(total=rounds, disable=not progress) as bar:
            try:
                for parts in cuts:
                    step = record(self._cut(parts))
                    # What was broken off while it was tuned is worth keeping only if it is good as it is.
                    self._keep(step, fine(step) and not (self.interrupted and step.loss > self.loss))
                    bar.set_postfix_str(f"{self.session.metrics.cost.edges} edges, loss {self.loss:.3g}", refresh=False)
                    bar.update()
                    if self._stops(callback):
                        break
            except KeyboardInterrupt:
                self.good.put_back()
                self.result.stopped = "interrupted"
        return self.result

    def _cut(self, parts: Sequence[Part]) -> Round:
        """Prune, tune and measure."""
        started = time.perf_counter()
        if parts:
            self.session.prune(**kinds(parts))
            self._go_back()
        if self.tune:
            outcome = self.session.fit(**{"progress": False, **self.tune})
            self.interrupted = outcome.stopped == "interrupted"
        else:
            self.session.refresh()
        quality = self.session.metrics.quality["test"]
        return Round(
            sparsity=self.session.sparsity,
            edges=self.session.metrics.cost.edges,
            loss=quality.loss,
            accuracy=quality.accuracy,
            accepted=True,
            seconds=time.perf_counter() - started,
        )

    def _go_back(self) -> None:
        """Take the weights to rewind to."""
        if self.rewind is None:
            return
        self.session.refresh()  # a state of its own, or the states before would take the weights for theirs
        adapter = self.session.adapter
        adapter.take(lambda: adapter.restore_weights(self.rewind))

    def _keep(self, step: Round, fine: bool) -> None:
        """Record the round; take it back unless it is fine."""
        if fine:
            self.loss = step.loss
            self._mark()
        else:
            self.session.jump(self.start)
        self.result.rounds.append(replace(step, accepted=fine))

    def _stops(self, callback: Callback | None) -> bool:
        """Whether the user wants no more."""
        if self.interrupted:
            self.result.stopped = "interrupted"
        elif callback is not None and callback(self.result.rounds[-1]) is False:
            self.result.stopped = "callback"
        return bool(self.result.stopped)
