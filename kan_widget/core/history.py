"""Undo and redo over immutable states. Knows nothing of KANs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step(Generic[T]):
    """A state, the label of what led to it, and what its user says of it."""

    label: str
    state: T
    note: str = ""


class History(Generic[T]):
    """A tree of states: undo goes to the parent, a new step after an undo starts a branch, nothing is dropped.

    Example:
        >>> history = History("a")
        >>> history.push("append b", "ab")
        >>> history.undo()
        'append b'
        >>> history.present
        'a'
        >>> history.redo()
        'append b'
    """

    def __init__(self, state: T, label: str = "start") -> None:
        self._steps = [Step(label, state)]
        self._parents = [-1]
        self._newest_child: list[int | None] = [None]
        self._at = 0

    @property
    def present(self) -> T:
        """The state now."""
        return self._steps[self._at].state

    @property
    def position(self) -> int:
        """Index of the present state in `steps`."""
        return self._at

    @property
    def steps(self) -> Sequence[Step[T]]:
        """All states ever reached, in the order in which they were made."""
        return tuple(self._steps)

    @property
    def parents(self) -> Sequence[int]:
        """For each step the index of the one it came from; -1 for the first."""
        return tuple(self._parents)

    @property
    def before(self) -> int | None:
        """Where `undo` would go, or None."""
        return self._parents[self._at] if self._at else None

    @property
    def after(self) -> int | None:
        """Where `redo` would go, or None."""
        return self._newest_child[self._at]

    @property
    def undo_label(self) -> str | None:
        """What `undo` would undo, or None."""
        return self._steps[self._at].label if self._at else None

    @property
    def redo_label(self) -> str | None:
        """What `redo` would do again, or None."""
        return None if self.after is None else self._steps[self.after].label

    def push(self, label: str, state: T) -> None:
        """Make `state` the present one."""
        self._steps.append(Step(label, state))
        self._parents.append(self._at)
        self._newest_child.append(None)
        self._newest_child[self._at] = len(self._steps) - 1
        self._at = len(self._steps) - 1

    def amend(self, change: Callable[[T], T]) -> None:
        """Pass every state through `change`, keeping labels, notes and places."""
        self._steps = [replace(step, state=change(step.state)) for step in self._steps]

    def annotate(self, position: int, note: str) -> None:
        """Write a note to any state.

        Raises:
            ValueError: If there is no such state.
        """
        self._check(position)
        self._steps[position] = replace(self._steps[position], note=note)

    def path(self, position: int) -> list[int]:
        """The positions from the first state to that one."""
        found = [position]
        while self._parents[found[0]] >= 0:
            found.insert(0, self._parents[found[0]])
        return found

    def _check(self, position: int) -> None:
        if not 0 <= position < len(self._steps):
            raise ValueError(f"history has states 0..{len(self._steps) - 1}; got {position}")

    def undo(self) -> str:
        """Go to the state before, and give the label of what was undone.

        Raises:
            ValueError: If this is the first state.
        """
        label = self.undo_label
        if self.before is None or label is None:
            raise ValueError("there is nothing to undo")
        self.jump(self.before)
        return label

    def redo(self) -> str:
        """Go to the state that was undone last from here, and give its label.

        Raises:
            ValueError: If nothing was undone from here.
        """
        label = self.redo_label
        if self.after is None or label is None:
            raise ValueError("there is nothing to redo")
        self.jump(self.after)
        return label

    def jump(self, position: int) -> None:
        """Go to any state; redo then leads along the branch that was left.

        Raises:
            ValueError: If there is no such state.
        """
        self._check(position)
        for end in (self._at, position):
            while end > 0:
                self._newest_child[self._parents[end]] = end
                end = self._parents[end]
        self._at = position
