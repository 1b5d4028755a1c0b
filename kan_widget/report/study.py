"""Which choices matter, measured: one factor at a time around a base setting, over seeds, beside chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from .effects import CONTROL, Effect, effect
from .trials import TARGETS, Setting, Trial, check_data, check_factors, grouped, kind_of, plans_of, run, value_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class Study:
    """What each factor does to the pruned network.

    Attributes:
        base: The setting that the others differ from.
        vary: The alternatives of each factor.
        trials: In the order in which they were run.
        stopped: Why it ended early: ``""``, ``"callback"`` or ``"interrupted"``.
    """

    base: Setting
    vary: dict[str, list[Any]]
    trials: list[Trial] = field(default_factory=list)
    stopped: str = ""

    def effects(self, metric: str = "loss") -> list[Effect]:
        """What each factor does when it alone varies, the largest first; those with one value that worked are left out.

        Args:
            metric: A number of `Trial`: ``"loss"``, ``"accuracy"``, ``"edges"``, ``"sparsity"`` and so on.

        Raises:
            ValueError: If there is no such number.
        """
        _check_metric(metric)
        found = [effect(name, kind_of(name), self._by_value(name, metric)) for name in self.vary]
        return sorted((e for e in found if e is not None), key=lambda e: -e.size)

    def control(self, metric: str = "loss") -> Effect | None:
        """What it does to let chance choose what goes; None if that or the base failed."""
        _check_metric(metric)
        base = self._numbers("base", metric)
        drawn: dict[int, list[float]] = {}
        for trial in self.trials:
            if trial.factor == "control" and not trial.error:
                drawn.setdefault(trial.seed, []).append(getattr(trial, metric))
        chance = {seed: float(np.mean(values)) for seed, values in drawn.items()}
        return effect(CONTROL, "control", [(value_of("criterion", self.base), base), ("random", chance)])

    def _by_value(self, factor: str, metric: str) -> list[tuple[Any, dict[int, float]]]:
        """Each value's number for each seed; the base is one of them, unless its target is another."""
        is_base = factor not in TARGETS or factor in self.base
        start = [(value_of(factor, self.base), self._numbers("base", metric))] if is_base else []
        return start + [(value, self._numbers(factor, metric, value)) for value in self.vary[factor]]

    def _numbers(self, factor: str, metric: str, value: Any = None) -> dict[int, float]:
        return {
            trial.seed: getattr(trial, metric)
            for trial in self.trials
            if trial.factor == factor and trial.value == value and not trial.error
        }

    @property
    def failures(self) -> list[Trial]:
        """The trials that failed."""
        return [trial for trial in self.trials if trial.error]

    def to_frame(self) -> Any:
        """A pandas data frame, one row a trial."""
        import pandas as pd

        return pd.DataFrame([asdict(trial) for trial in self.trials], columns=[f.name for f in fields(Trial)])

    def plot(self, metric: str = "loss", ax: Axes | None = None) -> Axes:
        """Draw a bar for each factor, the largest on top, with a dot for each seed; the control stands below.

        Args:
            metric: As for `effects`.
            ax: Where to draw; a new figure when left out.

        Raises:
            ValueError: If nothing worked that could be drawn.
        """
        from ..figure import EffectBar, draw_effects

        control = self.control(metric)
        found = [*self.effects(metric), *([] if control is None else [control])]
        if not found:
            raise ValueError("no factor has two values that worked; see the column error of to_frame()")
        bars = [EffectBar(e.factor, e.kind == "control", e.size, np.array(e.by_seed), _between(e)) for e in found]
        return draw_effects(bars, xlabel=f"change of {_words(metric)} when one factor varies (dots: seeds)", ax=ax)

    def __repr__(self) -> str:
        seeds = len({trial.seed for trial in self.trials})
        failed = f", {len(self.failures)} failed" if self.failures else ""
        base = list(self._numbers("base", "loss").values())
        at = f"; loss on test rows at the base setting {np.mean(base):.3g}" if base else ""
        why = f", {self.stopped}" if self.stopped else ""
        lines = [f"Study({len(self.trials)} trials, {seeds} seeds{failed}{why}{at})"]
        control = self.control()
        found = [*self.effects(), *([] if control is None else [control])]
        width = max((len(e.factor) for e in found), default=0)
        for e in found:
            lines.append(f"  {e.factor:{width}}  {e.size:8.3g} \N{PLUS-MINUS SIGN} {e.spread:<8.2g}  {_between(e)}")
        lines += [f"  {trial.factor} {_said(trial.value)} failed: {trial.error}" for trial in self.failures[:1]]
        return "\n".join(lines)


def study(
    data: Any,
    *,
    base: Mapping[str, Any],
    vary: Mapping[str, Sequence[Any]],
    seeds: int | Sequence[int] = 3,
    draws: int = 3,
    progress: bool = True,
    callback: Callable[[Trial], Any] | None = None,
) -> Study:
    """Change one factor at a time around a base setting, and measure what it does to the pruned network.

    Quality is that on held-out rows. Factors are the options of `KAN`, of its ``fit``, of `prune` and of
    `iterative_prune`; ``rounds=0``, the default, is one cut by `prune`, and from 1 on `iterative_prune` does it. Each
    network is trained once, for all trials that differ in pruning alone. A trial that fails is a row with its error.

    Args:
        data: Training and held-out rows, ``(x, y, x_test, y_test)`` or pykan's dict.
        base: The setting: ``width``, one of ``sparsity``, ``amount`` and ``threshold``, and what is to differ from the
            defaults.
        vary: For each factor the values to try instead; ``amount``, ``sparsity`` and ``threshold`` replace each other.
        seeds: How many networks of each setting, or their seeds.
        draws: How often chance is drawn for each network, as a control.
        progress: Whether to show a progress bar.
        callback: Called after each trial; the study ends with what it has if it gives False.

    Returns:
        The trials and the effects of the factors.

    Raises:
        ValueError: If a factor is unknown, the base setting cannot be built or names no target, or there are no
            held-out rows.
        TypeError: If the values of a factor are no list.

    Example:
        >>> import torch
        >>> x = torch.rand(100, 2)
        >>> data = (x[:80], x[:80, :1], x[80:], x[80:, :1])
        >>> base = {"width": [2, 2, 1], "steps": 2, "sparsity": 0.2}
        >>> found = study(data, base=base, vary={"sparsity": [0.4]}, seeds=2, draws=1, progress=False)
        >>> found.to_frame().factor.value_counts().to_dict()
        {'base': 2, 'control': 2, 'sparsity': 2}
    """
    setting, alternatives = dict(base), check_factors(base, vary)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers or draws < 0:
        raise ValueError(f"seeds must be at least one, and draws 0 or more; got {seeds!r} and {draws}")
    check_data(setting, data, numbers[0])
    result = Study(setting, alternatives)
    groups = []
    for place, seed in enumerate(numbers):
        chances = range(place * draws, (place + 1) * draws)  # others for each network
        groups += grouped(plans_of(setting, alternatives, seed, chances))
    with tqdm(total=sum(map(len, groups)), disable=not progress) as bar:
        try:
            for trial in (trial for group in groups for trial in run(group, data)):
                result.trials.append(trial)
                bar.set_postfix_str(f"{trial.factor} {_said(trial.value)}", refresh=False)
                bar.update()
                if callback is not None and callback(trial) is False:
                    result.stopped = "callback"
                    break
        except KeyboardInterrupt:
            result.stopped = "interrupted"
    return result


def _check_metric(metric: str) -> None:
    known = [f.name for f in fields(Trial) if f.type == "float"]
    if metric not in known:
        raise ValueError(f"metric must be one of {', '.join(known)}; got {metric!r}")


def _between(found: Effect) -> str:
    if found.size == 0:
        return "no difference"
    return f"{_said(found.low)} \N{RIGHTWARDS ARROW} {_said(found.high)}"


def _words(metric: str) -> str:
    return f"{metric} on test rows" if metric in ("loss", "accuracy") else metric.replace("_", " ")


def _said(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(v)}" for name, v in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_said, value))}]"
    return f"{value:g}" if isinstance(value, float) else getattr(value, "__name__", str(value)).replace("_", " ")
