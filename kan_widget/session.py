"""A model, its data and every decision taken on them: the commands behind each click, slider and notebook cell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .adapters import Adapter, Evaluation, Rows, adapt, named_rows
from .capture import Capture, Metrics, State
from .core.cost import cost
from .core.history import History
from .core.log import Command, Log
from .core.plan import PruningPlan, names_of, nothing, threshold_for, threshold_limit
from .core.reach import active_edges, cut_outputs, live_nodes
from .core.reading import Judged, OutputFormula, read_formula
from .core.scores import Scores, check_criterion
from .core.topology import Edge, Masks, Node, Topology, edges_off
from .core.trace import Trace
from .timeline import Timeline

logger = logging.getLogger(__name__)

Edges = Iterable[Sequence[int]]

STARVED = (
    "{} nodes have at least as many unknowns as there are rows, so only means are made up for; "
    "give more rows or fewer grid intervals"
)

# Rows that a formula is read from, and as many that it is judged on.
READ_ROWS = 2000

# Commands that a log may hold.
_LOGGED = {
    "set_threshold",
    "set_min_per_layer",
    "set_sparsity",
    "prune",
    "restore",
    "keep",
    "set_criterion",
    "set_structure",
    "set_compensate",
}
_LOGGED |= {"reset", "refresh", "fit"}
Verb = Literal["prune", "restore", "keep"]


class Session:
    """Prunes one model reversibly, in place.

    Every command happens whole or not at all and is one step of the history. Pruning writes masks and leaves the
    weights alone, unless a compensation that refits is asked for. Scores stay as they were measured until `refresh`, so
    that a sweep of the threshold is monotone.

    Args:
        model: The KAN. Its masks and fills are edited in place.
        data: What scores, fills and losses are measured on: pykan's dict, ``x``, ``(x, y)``,
            ``(x, y, x_test, y_test)``, a torch ``Dataset`` or ``DataLoader``.
        criterion: A name in `kan_widget.core.scores.CRITERIA`: ``"l1"``, ``"std"``, ``"attribution"``, ``"taylor2"``,
            ``"leave_one_out"``, ``"auto"`` and so on.
        structure: What the threshold rules on: ``"edge"``, ``"node"`` (hidden) or ``"input"``.
        compensate: ``"mean"`` leaves a pruned edge's mean over the data behind, ``"none"`` leaves zero.
            ``"gain_bias"`` and ``"least_squares"`` also fit what is left to what the network computed before; undo
            brings the weights back.
        slices: Rows that metrics are wanted of, by name: a mask or numbers of the held-out rows (of the training rows
            where no others have labels), or other rows as ``(x, y)``. See `kan_widget.report.standing`.

    Attributes:
        revision: Number of changes so far.
        remark: What the last command had to leave undone, in words; empty if nothing.

    Raises:
        ValueError: If an option or the data cannot be used.
        TypeError: If the model is of an unknown kind.

    Example:
        >>> import torch
        >>> from kan_widget import KAN, Session
        >>> x = torch.rand(100, 2)
        >>> model = KAN([2, 3, 1], seed=0)
        >>> session = Session(model, (x, x[:, :1] ** 2))
        >>> session.prune([(0, 1, 2)])
        >>> int(model.layers[0].mask.sum())
        5
        >>> session.undo()
        'prune edge x2 to h3'
    """

    def __init__(
        self,
        model: Any,
        data: Any,
        *,
        criterion: str = "l1",
        structure: str = "edge",
        compensate: str = "mean",
        slices: Mapping[str, Any] | None = None,
    ) -> None:
        check_criterion(criterion)
        plan = PruningPlan(criterion=criterion, structure=structure, compensate=compensate)
        self._adapter = adapt(model, data)
        self._refuse_broken()
        self._slices = named_rows(self._adapter, slices)
        self._subscribers: list[Callable[[], None]] = []
        self.revision = 0
        self.remark = ""
        self._time = self._adapter.take(lambda: Timeline(self._adapter, plan))
        self.before = self._adapter.take(self.measure)
        self._now: tuple[int, Metrics] | None = (0, self.before)
        self._measured: dict[int, Metrics] = {0: self.before}

    # What is

    @property
    def model(self) -> Any:
        """The model that is edited."""
        return self._adapter.model

    @property
    def adapter(self) -> Adapter:
        """The port through which the model is reached."""
        return self._adapter

    @property
    def topology(self) -> Topology:
        """Sizes and names of the network."""
        return self._adapter.topology

    @property
    def slices(self) -> dict[str, Rows]:
        """The rows that were given names."""
        return dict(self._slices)

    @property
    def history(self) -> History[State]:
        """Every state so far; to be read, not changed."""
        return self._time.history

    @property
    def plan(self) -> PruningPlan:
        """The decision now: a rule and its exceptions."""
        return self._time.present.plan

    @property
    def trace(self) -> Trace:
        """What the data showed at the last `refresh`."""
        return self._time.present.capture.trace

    @property
    def evidence(self) -> Capture:
        """What scores are made from: the model as it was at the last `refresh`, measured as it is asked for."""
        return self._time.present.capture

    @property
    def scores(self) -> Scores:
        """Scores by the present criterion."""
        return self.scores_by(self.plan.criterion)

    def scores_by(self, criterion: str) -> Scores:
        """Scores by any criterion."""
        check_criterion(criterion)
        return self._time.present.capture.scores(criterion)

    @property
    def masks(self) -> Masks:
        """Which edges are on, ``(out, in)`` per layer."""
        return self.plan.masks(self.scores)

    @property
    def active(self) -> Masks:
        """Which edges are on and lie on a path from an input to an output."""
        return active_edges(self.masks)

    @property
    def live(self) -> tuple[NDArray[np.bool_], ...]:
        """Which nodes lie on such a path, per node layer."""
        return live_nodes(self.masks)

    @property
    def threshold(self) -> float:
        """The rule prunes where score < threshold; where `thresholds` differ, the last that ruled all layers."""
        return self.plan.threshold

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """One for each edge layer, where they were set layer by layer; None while `threshold` rules them all."""
        return self.plan.thresholds

    @property
    def min_per_layer(self) -> int:
        """How many parts of a layer the rule leaves, the strongest."""
        return self.plan.min_per_layer

    @property
    def nothing(self) -> float:
        """The threshold that takes nothing: 0, or ``-inf`` where scores can be negative."""
        return nothing(self.plan.candidates(self.scores))

    @property
    def _given_up(self) -> tuple[int, ...]:
        """Outputs that no input reaches as it is."""
        return tuple(cut_outputs(self.masks))

    @property
    def threshold_limit(self) -> float | None:
        """The largest threshold that leaves every output connected; None if any does."""
        return threshold_limit(self.plan, self.scores, self._given_up)

    @property
    def threshold_limits(self) -> dict[int, float | None]:
        """The same for each layer that the rule looks at, while the thresholds of the others stay as they are."""
        scores, allowed = self.scores, self._given_up
        return {layer: threshold_limit(self.plan, scores, allowed, layer=layer) for layer in self.plan.ruled(scores)}

    @property
    def sparsity(self) -> float:
        """Fraction of all edges that are pruned or dead."""
        return 1 - sum(int(a.sum()) for a in self.active) / self.topology.n_edges

    @property
    def edited(self) -> bool:
        """Whether there is anything that `reset` would change."""
        now, start = self._time.present, self._time.history.steps[0].state
        return now.plan != start.plan or now.capture is not start.capture or now.weights is not start.weights

    @property
    def metrics(self) -> Metrics:
        """Size and quality now, measured once for each state."""
        if self._now is None or self._now[0] != self.revision:
            self._now = self._adapter.take(lambda: (self.revision, self.measure()))
            self._measured[self.history.position] = self._now[1]
        return self._now[1]

    @property
    def measured(self) -> dict[int, Metrics]:
        """Size and quality of the states of `history`, as far as they were asked for while they were the present."""
        return dict(self._measured)

    def measure(self) -> Metrics:
        """Measure size and quality anew, as after training outside of this session."""
        return Metrics(cost(self.masks, self._adapter.shape), self._adapter.evaluate())

    def foretell(self, compensate: str) -> dict[str, Evaluation]:
        """What the quality would be if lost edges were made up for otherwise; nothing changes.

        Raises:
            ValueError: If there is no such compensation.
        """
        plan = replace(self.plan, compensate=compensate)
        return self._adapter.take(lambda: self._time.foretelling(plan))()

    # What changes

    def set_threshold(self, threshold: float, layer: int | None = None) -> None:
        """Prune all that scores below `threshold`, exceptions aside.

        0 prunes nothing by a criterion that is never negative; ``-inf`` prunes nothing by any.

        Args:
            threshold: In all layers, whatever each had before.
            layer: In this one alone. Its number is that of the edges, or of the hidden nodes or inputs where the rule
                looks at those.

        Raises:
            ValueError: If it is not a number, would cut an output off from every input, or is about a layer that the
                rule does not look at.
            TypeError: If `layer` is no whole number.

        Example:
            >>> import torch
            >>> from kan_widget import KAN, Session
            >>> x = torch.rand(100, 2)
            >>> session = Session(KAN([2, 3, 1], seed=0), (x, x[:, :1] ** 2))
            >>> session.set_threshold(0.05, layer=0)
            >>> session.thresholds
            (0.05, 0.0)
        """
        threshold, where = _number("threshold", threshold), {} if layer is None else {"layer": _whole("layer", layer)}

        def change(plan: PruningPlan) -> tuple[str, PruningPlan]:
            if layer is not None and layer not in plan.ruled(self.scores):
                ruled = ", ".join(map(str, plan.ruled(self.scores))) or "none"
                raise ValueError(
                    f"layer must be one of {ruled}, where the rule looks at {plan.structure}s; got {layer}"
                )
            label = f"threshold {threshold:.3g}" + ("" if layer is None else f" in layer {layer}")
            return label, plan.at(self._in_reach(threshold), layer, scores=self.scores)

        self._command(change, Command("set_threshold", {"threshold": threshold, **where}), layer=layer)

    def set_min_per_layer(self, min_per_layer: int) -> None:
        """Let the rule leave at least so many parts of each layer, the strongest; 0 for as few as the threshold says.

        Raises:
            ValueError: If it is negative or more than the network has edges, or if an output would be cut off.
            TypeError: If it is no whole number.
        """
        count = _whole("min_per_layer", min_per_layer)
        if not 0 <= count <= self.topology.n_edges:
            raise ValueError(f"min_per_layer must lie between 0 and {self.topology.n_edges}, all edges; got {count}")
        self._command(
            lambda plan: (f"at least {count} per layer", replace(plan, min_per_layer=count)),
            Command("set_min_per_layer", {"min_per_layer": count}),
        )

    def set_sparsity(self, sparsity: float) -> None:
        """Choose the threshold that removes this fraction of what the rule looks at (edges, hidden nodes or inputs).

        `min_per_layer` may hold some of them.

        Raises:
            ValueError: If it does not lie between 0 and 1, or would cut an output off.
        """
        sparsity = _number("sparsity", sparsity)

        def change(plan: PruningPlan) -> tuple[str, PruningPlan]:
            threshold = threshold_for(plan.candidates(self.scores), sparsity)
            return f"sparsity {sparsity:.0%}", plan.at(threshold, scores=self.scores)

        self._command(change, Command("set_sparsity", {"sparsity": sparsity}))

    def prune(self, edges: Edges = (), *, nodes: Edges = (), cut: bool = False) -> None:
        """Prune edges ``(layer, source, target)`` and all edges of nodes ``(layer, index)``.

        Args:
            edges: The edges.
            nodes: The nodes.
            cut: Whether outputs may lose their last input, and become constants.

        Raises:
            ValueError: If one is not in the network, or an output would lose its last input.
            TypeError: If one is not written so.
        """
        self._by_hand("prune", edges, nodes, cut)

    def restore(self, edges: Edges = (), *, nodes: Edges = ()) -> None:
        """Switch pruned edges on again, whoever pruned them."""
        self._by_hand("restore", edges, nodes)

    def keep(self, edges: Edges = (), *, nodes: Edges = ()) -> None:
        """Protect edges from the threshold; pruned ones come back."""
        self._by_hand("keep", edges, nodes)

    def set_criterion(self, criterion: str) -> None:
        """Score by another criterion, with thresholds that take as many as before."""
        check_criterion(criterion)
        self._command(
            lambda plan: (
                f"score by {criterion}",
                plan.with_criterion(criterion, self.scores, self.scores_by(criterion)),
            ),
            Command("set_criterion", {"criterion": criterion}),
        )

    def set_structure(self, structure: str) -> None:
        """Let the threshold rule on edges, hidden nodes or inputs.

        It starts again at 0, the same for all layers and with no `min_per_layer`; what was pruned stays pruned.
        """
        self._command(
            lambda plan: (
                f"prune {structure}s",
                plan if structure == plan.structure else self._as_exceptions(plan, structure),
            ),
            Command("set_structure", {"structure": structure}),
        )

    def set_compensate(self, compensate: str) -> None:
        """Make up otherwise for lost edges: by ``"mean"``, ``"none"``, ``"gain_bias"`` or ``"least_squares"``."""
        self._command(
            lambda plan: (f"compensate {compensate}", replace(plan, compensate=compensate)),
            Command("set_compensate", {"compensate": compensate}),
        )

    def reset(self) -> None:
        """Go back to the masks and weights of the start, as a step that can be undone."""

        def change() -> None:
            self._note_changes()
            if self.edited:
                start = self._time.history.steps[0].state
                self._time.push("reset", replace(start, commands=(Command("reset"),)))
                self._changed()

        self._adapter.take(change)

    def refresh(self) -> None:
        """Measure and score the model as it is now, say after training.

        What is pruned stays pruned, with what it leaves behind; the threshold starts again at 0 on the new scores.

        Raises:
            ValueError: If weights are NaN or infinite.
        """

        def change() -> None:
            self._refuse_broken()
            self._note_changes()
            self._time.push("refresh", self._time.captured(self.plan, Command("refresh")))
            self._changed()

        self._adapter.take(change)

    def fit(self, **options: Any) -> Any:
        """Train the model on the session's data, masks standing, as one step; then `refresh` its scores.

        Args:
            **options: For the model's ``fit``.

        Returns:
            What the model's ``fit`` returns.
        """
        logged = {name: value for name, value in options.items() if name != "callback"}
        with self.training() as settle:
            result = self._adapter.fit(options)
            settle("fit", Command("fit", logged))
        return result

    @contextmanager
    def training(self) -> Iterator[Callable[[str, Command], None]]:
        """While the model is trained by other means than `fit`; edits made meanwhile keep the trainer's weights.

        Yields:
            What makes a step of the training, given its label and its line in the log, and scores the model anew.
            Left uncalled, weights that have changed count as changed outside of the session.
        """
        self._adapter.take(self._note_changes)

        def settle(label: str, command: Command) -> None:
            def push() -> None:
                self._time.push(label, self._time.captured(self.plan, command))
                self._changed()

            self._adapter.take(push)

        with self._time.training():
            yield settle

    def undo(self) -> str:
        """Take back the last step, bit for bit, and give its label.

        Raises:
            ValueError: If there is none.
        """

        def back() -> str:
            self._note_changes()
            label = self.history.undo_label
            self._travel(self.history.before, "undo")
            return label or ""

        return self._adapter.take(back)

    def redo(self) -> str:
        """Take the step again that was undone last, and give its label.

        Raises:
            ValueError: If there is none.
        """

        def forth() -> str:
            self._note_changes()
            self._travel(self.history.after, "redo")
            return self.history.undo_label or ""

        return self._adapter.take(forth)

    def jump(self, position: int) -> None:
        """Go to any state of `history`.

        Raises:
            ValueError: If there is no such state.
        """
        self._check_position(position)

        def go() -> None:
            self._note_changes()
            self._travel(position, "jump")

        self._adapter.take(go)

    def annotate(self, position: int, note: str) -> None:
        """Write a note to a state of `history`.

        Raises:
            ValueError: If there is no such state.
            TypeError: If the note is not a text.
        """
        if not isinstance(note, str):
            raise TypeError(f"a note is a text; got {type(note).__name__}")

        def write() -> None:
            self.history.annotate(position, note)
            self._changed()

        self._adapter.take(write)

    def compact(self) -> Any:
        """A new, smaller model with the same function as the model has now."""
        return self._adapter.take(self._adapter.compact)

    def copy_at(self, position: int) -> Adapter:
        """The data bound to a copy of the model as it was in a state of `history`; nothing changes.

        Raises:
            ValueError: If there is no such state.
        """
        self._check_position(position)
        return self._adapter.take(lambda: self._time.copy_of(self.history.steps[position].state))

    def formula(self, output: int | str = 0, *, least: float = 0.99) -> OutputFormula:
        """An output, read off the network as it is now as a formula of the inputs.

        An edge whose function is a simple one of its input, up to `least` of its variance over the data, has that
        function's name; any other stays ``phi_{layer,source,target}``, so that nothing is said that is not so. Prune
        first: what remains of few edges can be read.

        Args:
            output: Its number or its name.
            least: R² that an edge needs to be named.

        Returns:
            The formula, as text and LaTeX, with its R² against the network; it can be called with inputs.

        Raises:
            ValueError: If there is no such output, it depends on more than 100 edges, or `least` is no R².
            TypeError: If `least` is no number.

        Example:
            >>> import torch
            >>> from kan_widget import KAN, Session
            >>> x = torch.rand(200, 1, generator=torch.Generator().manual_seed(0)) * 2 - 1
            >>> model = KAN([1, 1], grid=5, seed=0)
            >>> _ = model.fit((x, 2 * x**2 + 1), steps=20, progress=False)
            >>> Session(model, (x, 2 * x**2 + 1)).formula().text
            '2 x1^2 + 1'
        """
        if isinstance(output, str) and output in self.topology.names[-1]:
            output = self.topology.names[-1].index(output)
        if (
            isinstance(output, bool)
            or not isinstance(output, (int, np.integer))
            or not 0 <= output < self.topology.widths[-1]
        ):
            raise ValueError(
                f"output must be one of {', '.join(self.topology.names[-1])}, or its number; got {output!r}"
            )
        if not 0 < _number("least", least) <= 1:
            raise ValueError(f"least must be an R² above 0 and up to 1; got {least}")
        return _read(self._adapter.take(self._adapter.twin), int(output), least)

    def log(self) -> Log:
        """Everything that led from the start to the present state; ``to_json()`` and ``to_script()`` write it down.

        Of what was done outside of the session it holds the edges that were switched, not the training.
        """
        start = self.history.steps[0].state.plan
        options = {"criterion": start.criterion, "structure": start.structure, "compensate": start.compensate}
        return Log(self.topology.widths, options, self._time.commands())

    def replay(self, log: Log) -> None:
        """Do again what a log tells, as steps of this session.

        Raises:
            ValueError: If it is about a network of other widths, or holds a command that no session has.
        """
        if tuple(log.widths) != self.topology.widths:
            raise ValueError(f"the log is about widths {tuple(log.widths)}; this network has {self.topology.widths}")
        unknown = sorted({command.name for command in log.commands} - _LOGGED)
        if unknown:
            raise ValueError(f"the log holds unknown commands: {', '.join(unknown)}")
        for setting, value in log.options.items():
            if setting in ("criterion", "structure", "compensate"):
                getattr(self, f"set_{setting}")(value)
        for command in log.commands:
            getattr(self, command.name)(**command.arguments)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change. Returns what ends it."""
        self._subscribers.append(callback)

        def end() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return end

    def check_threshold(self, threshold: float) -> float:
        """The threshold as a float; raises what `set_threshold` would raise."""
        threshold = self._in_reach(_number("threshold", threshold))
        self._refuse_cuts(self.plan.at(threshold, scores=self.scores))
        return threshold

    def _in_reach(self, threshold: float) -> float:
        if -np.inf < threshold < 0 and self.nothing == 0:
            raise ValueError(
                f"threshold must be 0 or more, since no score by {self.plan.criterion} is below; got {threshold}"
            )
        return threshold

    # How

    def _check_position(self, position: int) -> None:
        if not 0 <= position < len(self.history.steps):
            raise ValueError(f"history has states 0..{len(self.history.steps) - 1}; got {position}")

    def _as_exceptions(self, plan: PruningPlan, structure: str) -> PruningPlan:
        """The same masks by exceptions alone, the rule looking at another structure."""
        masks = plan.masks(self.scores)
        other = replace(plan, structure=structure, pruned=edges_off(masks), min_per_layer=0)
        return other.at(nothing(other.candidates(self.scores)), scores=self.scores)

    def _by_hand(self, verb: Verb, edges: Edges, nodes: Edges, cut: bool = False) -> None:
        checked_edges = [self.topology.edge(e) for e in edges]
        checked_nodes = [self.topology.node(n) for n in nodes]
        chosen = dict.fromkeys(checked_edges + [e for n in checked_nodes for e in self.topology.edges_at(n)])
        if not chosen:
            raise ValueError(f"name the edges or nodes to {verb}")
        label = f"{verb} {self._describe(checked_edges, checked_nodes)}"

        def change(plan: PruningPlan) -> tuple[str, PruningPlan]:
            if verb == "restore":
                return label, plan.restore(chosen, self.scores)
            return label, plan.prune(chosen) if verb == "prune" else plan.keep(chosen)

        named: dict[str, Any] = {"edges": list(map(list, checked_edges)), "nodes": list(map(list, checked_nodes))}
        arguments = {key: value for key, value in {**named, "cut": cut}.items() if value}
        self._command(change, Command(verb, arguments), cut)

    def _describe(self, edges: Sequence[Edge], nodes: Sequence[Node]) -> str:
        if len(edges) + len(nodes) == 1:
            return f"edge {self.topology.edge_name(edges[0])}" if edges else f"node {self.topology.node_name(nodes[0])}"
        counts = [(len(edges), "edge"), (len(nodes), "node")]
        return " and ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)

    def _command(
        self,
        change: Callable[[PruningPlan], tuple[str, PruningPlan]],
        command: Command,
        cut: bool = False,
        layer: int | None = None,
    ) -> None:
        """Apply a change of plan as one step, unless it changes nothing."""

        def run() -> None:
            self._note_changes()
            label, plan = change(self.plan)
            if plan == self.plan:
                return
            if not cut:
                self._refuse_cuts(plan, layer)
            state, starved = self._time.planned(plan, command)
            self._time.push(label, state)
            self._changed(STARVED.format(starved) if starved else "")

        self._adapter.take(run)

    def _refuse_cuts(self, plan: PruningPlan, layer: int | None = None) -> None:
        scores = self.scores_by(plan.criterion)
        cut = cut_outputs(plan.masks(scores), self._given_up)
        if not cut:
            return
        words = f"this would cut {names_of(self.topology, cut)} off from every input"
        limit = threshold_limit(plan, scores, self._given_up, layer=layer)
        if limit is not None and not cut_outputs(plan.at(limit, layer, scores=scores).masks(scores), self._given_up):
            words += f"; the largest threshold that does not is {limit:.3g}"
        raise ValueError(words)

    def _refuse_broken(self) -> None:
        if not self._adapter.is_finite():
            raise ValueError("the model has parameters that are NaN or infinite; train it anew or load a good one")

    def _note_changes(self) -> None:
        if self._time.note_changes():
            self._changed()

    def _travel(self, position: int | None, verb: str) -> None:
        if position is None:
            raise ValueError(f"there is nothing to {verb}")
        self._time.travel(position)
        self._changed()

    def _changed(self, remark: str = "") -> None:
        self.revision += 1
        self.remark = remark
        for callback in tuple(self._subscribers):
            try:
                callback()
            except Exception:  # the change has happened; one bad listener must not make it look failed
                logger.exception("a subscriber failed")


def _read(adapter: Adapter, output: int, least: float) -> OutputFormula:
    """An output of a model that nobody else changes, matched on training rows and judged on held-out ones if any."""
    name = "train" if adapter.rows("test") is None else "test"
    values, other = (adapter.nodes(_thinned(adapter.rows(rows))) for rows in ("train", name))
    judged = Judged(name, other[0], other[-1])
    active = active_edges(adapter.masks()[0])
    return read_formula(adapter.topology, active, values, adapter.curve, output, judged=judged, least=least)


def _thinned(rows: Rows | None) -> NDArray[Any]:
    """Enough of the rows, evenly."""
    assert rows is not None
    return rows.inputs[:: 1 + (len(rows.inputs) - 1) // READ_ROWS]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number; got {type(value).__name__}")
    if not value < np.inf:
        raise ValueError(f"{name} must be a finite number; got {value}")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number; got {type(value).__name__}")
    return int(value)
