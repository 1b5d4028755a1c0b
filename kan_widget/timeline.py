"""The states that a model has been in, and the way into each: whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from .adapters import Adapter, Evaluation
from .capture import Capture, State
from .core.history import History
from .core.log import Command
from .core.plan import REFITS, PruningPlan, nothing
from .core.topology import EdgeArrays, Masks, edges_off


class Timeline:
    """A model's states. Whoever calls holds the model (`Adapter.take`).

    Args:
        adapter: The port to the model.
        plan: Criterion, structure and compensation at the start.

    Attributes:
        history: Every state so far.
    """

    def __init__(self, adapter: Adapter, plan: PruningPlan) -> None:
        self._adapter = adapter
        self._training = False
        self.history: History[State] = History(self.captured(plan))

    @property
    def present(self) -> State:
        """The state now."""
        return self.history.present

    def captured(self, plan: PruningPlan, *commands: Command) -> State:
        """The model as it is now under a rule that takes nothing: everything that is off counts as pruned by hand."""
        masks, fills = self._adapter.masks()
        weights = self._adapter.weights()
        capture = Capture(self._adapter, self._adapter.trace(), fills, weights)
        threshold = nothing(plan.candidates(capture.scores(plan.criterion)))
        rule = replace(plan, threshold=threshold, thresholds=None, pruned=edges_off(masks))
        return State(rule, capture, weights, weights, commands)

    def planned(self, plan: PruningPlan, command: Command) -> tuple[State, int]:
        """The state of another plan, and for how many nodes the rows were too few where it asks for a refit."""
        present, capture = self.present, self.present.capture
        if self._training:  # the weights are the trainer's
            return replace(present, plan=plan, commands=(command,)), 0
        state = replace(present, plan=plan, weights=present.base, commands=(command,))
        masks = plan.masks(capture.scores(plan.criterion))
        if plan.compensate not in REFITS or all(map(np.array_equal, masks, capture.trace.masks)):
            return state, 0
        try:
            self._put(state, weights=True)
            starved = self._adapter.refit(plan.compensate, capture.trace.masks, capture.fills, capture.weights)
            return replace(state, weights=self._adapter.weights()), starved
        finally:
            self._put(present, weights=True)

    def foretelling(self, plan: PruningPlan) -> Callable[[], dict[str, Evaluation]]:
        """What measures the quality under another plan: on a copy of the model, so that nobody need wait for it."""
        capture, twin = self.present.capture, self._adapter.twin()
        written = self._written(replace(self.present, plan=plan))
        refits = plan.compensate in REFITS and not all(map(np.array_equal, written[0], capture.trace.masks))
        if not self._training:  # else the weights are the trainer's
            twin.restore_weights(self.present.base)

        def measure() -> dict[str, Evaluation]:
            twin.write_masks(*written)
            if refits:
                twin.refit(plan.compensate, capture.trace.masks, capture.fills, capture.weights)
            return twin.evaluate()

        return measure

    def copy_of(self, state: State) -> Adapter:
        """The data bound to a copy of the model in a state."""
        twin = self._adapter.twin()
        twin.restore_weights(state.weights)
        twin.write_masks(*self._written(state))
        return twin

    def push(self, label: str, state: State) -> None:
        """Enter a new state."""
        self._enter(state, lambda: self.history.push(label, state))

    def travel(self, position: int) -> None:
        """Enter a state of the history again."""
        self._enter(self.history.steps[position].state, lambda: self.history.jump(position))

    def note_changes(self) -> bool:
        """Take in what was done to the model outside of here, so that nothing done here undoes it.

        Trained weights go into every state that had the weights before: training of the user's own is not a step, and
        undo leaves it alone. Edges switched on or off become a step of their own. Returns whether there were any.
        """
        old = self.present.weights
        if not self._training and not self._adapter.same_weights(old):
            new = self._adapter.weights()
            self.history.amend(lambda s: replace(s, base=new, weights=new) if s.weights is old else s)
        masks, fills = self._adapter.masks()
        expected = self._written(self.present)
        if all(map(np.array_equal, (*masks, *fills), (*expected[0], *expected[1]))):
            return False
        off, was_off = edges_off(masks), edges_off(expected[0])
        changes = [
            Command("prune", {"edges": [list(edge) for edge in sorted(off - was_off)], "cut": True}),
            Command("restore", {"edges": [list(edge) for edge in sorted(was_off - off)]}),
        ]
        commands = [*(change for change in changes if change.arguments["edges"]), Command("refresh")]
        self.history.push("changes from outside", self.captured(self.present.plan, *commands))
        return True

    @contextmanager
    def training(self) -> Iterator[None]:
        """While the model is trained as a step of its own."""
        outer, self._training = self._training, True
        try:
            yield
        finally:
            self._training = outer

    def commands(self) -> list[Command]:
        """What led from the start to the present state."""
        steps = self.history.steps
        return [command for at in self.history.path(self.history.position) for command in steps[at].state.commands]

    def _enter(self, state: State, record: Callable[[], Any]) -> None:
        """Put a state into the model and into the history, or leave both as they are."""
        old = self.present
        try:
            self._put(state, weights=state.weights is not old.weights)
            record()
        except BaseException:
            self._put(old, weights=state.weights is not old.weights)
            raise

    def _written(self, state: State) -> tuple[Masks, EdgeArrays]:
        """Masks and fills of a state, in the precision that the model keeps them in."""
        masks = state.plan.masks(state.capture.scores(state.plan.criterion))
        fills = state.capture.fills_under(masks, state.plan.compensate)
        return masks, tuple(map(self._adapter.kept, fills))

    def _put(self, state: State, weights: bool) -> None:
        self._adapter.write_masks(*self._written(state))
        if weights:
            self._adapter.restore_weights(state.weights)
