"""What was done, in a form that can be done again: as JSON and as a Python script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

VERSION = 1


def _source(value: Any) -> str:
    """Python text of a value; infinities have no literal."""
    return f'float("{value}")' if isinstance(value, float) and not isfinite(value) else repr(value)


@dataclass(frozen=True)
class Command:
    """A command of a session and its keyword arguments, all of kinds that JSON knows."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"session.{self.name}({', '.join(f'{key}={_source(value)}' for key, value in self.arguments.items())})"


@dataclass(frozen=True)
class Log:
    """The way from a session's start to its present state.

    Attributes:
        widths: Of the network that it is about.
        options: Criterion, structure and compensation at the start.
        commands: In order; what was undone is not among them.
    """

    widths: tuple[int, ...]
    options: Mapping[str, str]
    commands: Sequence[Command]

    def to_json(self) -> str:
        """The log as text; floats come back to the bit.

        Raises:
            TypeError: If an argument is of a kind that JSON does not know, such as a loss function given to ``fit``.
        """
        commands = [{"command": c.name, **c.arguments} for c in self.commands]
        return json.dumps(
            {"version": VERSION, "widths": self.widths, "options": self.options, "commands": commands}, indent=1
        )

    @classmethod
    def from_json(cls, text: str) -> Log:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it is something else.
        """
        try:
            read = json.loads(text)
            if read["version"] != VERSION:
                raise ValueError(f"the log has version {read['version']}, this kan_widget reads {VERSION}")
            commands = [
                Command(entry["command"], {key: value for key, value in entry.items() if key != "command"})
                for entry in read["commands"]
            ]
            return cls(tuple(read["widths"]), dict(read["options"]), commands)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not a log that Session.log wrote ({type(error).__name__}: {error})") from error

    def to_script(self) -> str:
        """The log as a Python function that does it all again.

        Raises:
            TypeError: As `to_json`.
        """
        self.to_json()  # what JSON does not know has no text as Python either
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        lines = [f"    {command}" for command in self.commands]
        return "\n".join(
            [
                "from kan_widget import Session",
                "",
                "",
                "def replay(model, data):",
                f'    """Prune a network of widths {list(self.widths)} as it was done before, in place."""',
                f"    session = Session(model, data{options})",
                *lines,
                "    return session",
                "",
            ]
        )
