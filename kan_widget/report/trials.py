"""Trials of a study: networks trained once for all that differ in pruning alone, pruned, measured; errors are rows."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..adapters import Evaluation
from ..nn.network import Network
from ..nn.training import fit
from ..pruning import prune
from ..schedules import iterative_prune
from ..session import Session

Setting = dict[str, Any]


def _options(function: Callable[..., Any], *but: str) -> tuple[str, ...]:
    return tuple(name for name in inspect.signature(function).parameters if name not in but)


_ARCHITECTURE = _options(Network, "seed", "device")
_TRAINING = _options(fit, "network", "dataset", "progress", "callback")
_PRUNING = _options(prune, "model", "data", "protect")
_ROUNDS = _options(iterative_prune, "model", "data", "rewind", "progress", "callback")

# What each factor belongs to. The first that names it has it: `criterion` is of pruning, in one cut or in rounds.
KINDS: dict[str, tuple[str, ...]] = {
    "architecture": _ARCHITECTURE,
    "training": _TRAINING,
    "pruning": _PRUNING,
    "schedule": tuple(name for name in _ROUNDS if name not in _PRUNING),
}
FACTORS = tuple(name for names in KINDS.values() for name in names)
TARGETS = ("amount", "sparsity", "threshold")
_DEFAULTS = {
    name: parameter.default
    for function in (iterative_prune, prune, fit, Network)
    for name, parameter in inspect.signature(function).parameters.items()
} | {"rounds": 0}


@dataclass(frozen=True)
class Trial:
    """One network, trained, pruned and measured on held-out rows; numbers are NaN where it failed.

    Attributes:
        factor: What differs from the base setting: a factor, ``"base"`` for nothing, or ``"control"`` for a random
            choice of what goes.
        value: Its value; for the control, which draw.
        seed: Of the network and its training.
        loss: Root mean squared error or cross-entropy, pruned.
        accuracy: Fraction of right classes, pruned; NaN for regression.
        dense_loss: The loss before.
        dense_accuracy: The accuracy before.
        edges: Active edges that are left.
        sparsity: Fraction of all edges that are pruned or dead.
        seconds: What pruning took; training is shared.
        error: Why it failed; empty if it did not.
        remark: What was warned of.
    """

    factor: str
    value: Any
    seed: int
    loss: float = float("nan")
    accuracy: float = float("nan")
    dense_loss: float = float("nan")
    dense_accuracy: float = float("nan")
    edges: float = float("nan")
    sparsity: float = float("nan")
    seconds: float = float("nan")
    error: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Plan:
    """A trial to come, and its whole setting."""

    factor: str
    value: Any
    seed: int
    setting: Setting


def plans_of(base: Setting, vary: Mapping[str, list[Any]], seed: int, draws: Sequence[int]) -> Iterator[Plan]:
    """The trials of one seed: the base, the control and each factor.

    Args:
        base: The setting that the others differ from.
        vary: The alternatives of each factor.
        seed: Of the networks.
        draws: Which draws of chance are the control.
    """
    yield Plan("base", None, seed, base)
    for draw in draws:
        yield Plan("control", draw, seed, {**base, "criterion": f"random:{draw}"})
    for factor, values in vary.items():
        kept = {name: v for name, v in base.items() if factor not in TARGETS or name not in TARGETS}
        for value in values:
            yield Plan(factor, value, seed, {**kept, factor: value})


def grouped(plans: Iterator[Plan]) -> list[list[Plan]]:
    """Plans that share their training, together."""
    groups: dict[str, list[Plan]] = {}
    for plan in plans:
        training = {name: plan.setting[name] for name in (*_ARCHITECTURE, *_TRAINING) if name in plan.setting}
        groups.setdefault(repr(training), []).append(plan)
    return list(groups.values())


def run(plans: list[Plan], data: Any) -> Iterator[Trial]:
    """Train once, then prune and measure for each plan."""
    try:
        model, dense, remark = _trained(plans[0], data)
    except Exception as failure:  # every trial of this training has failed, and the others go on
        for plan in plans:
            yield Trial(plan.factor, plan.value, plan.seed, error=_error(failure))
        return
    before = {"dense_loss": dense.loss, "dense_accuracy": _number(dense.accuracy), "remark": remark}
    for plan in plans:
        try:
            found = _measured(model, plan.setting, data)
        except Exception as failure:
            found = {"error": _error(failure)}
        notes = " ".join(dict.fromkeys(filter(None, (remark, found.pop("remark", "")))))
        yield Trial(plan.factor, plan.value, plan.seed, **{**before, **found, "remark": notes})


def _trained(plan: Plan, data: Any) -> tuple[Network, Evaluation, str]:
    model = Network(**_those(plan.setting, _ARCHITECTURE), seed=plan.seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = model.fit(data, **_those(plan.setting, _TRAINING), progress=False)
    if outcome.stopped == "interrupted":
        raise KeyboardInterrupt
    return model, Session(model, data).metrics.quality["test"], _warned(caught)


def _measured(model: Network, setting: Setting, data: Any) -> dict[str, Any]:
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pruned = _pruned(model, setting, data)
    seconds = time.perf_counter() - started
    session = Session(pruned, data)
    quality = session.metrics.quality["test"]
    return {
        "loss": quality.loss,
        "accuracy": _number(quality.accuracy),
        "edges": session.metrics.cost.edges,
        "sparsity": session.sparsity,
        "seconds": seconds,
        "remark": _warned(caught),
    }


def _pruned(model: Network, setting: Setting, data: Any) -> Any:
    if not setting.get("rounds"):
        return prune(model, data, **_those(setting, _PRUNING))
    for name in set(_PRUNING) & setting.keys() - set(_ROUNDS):
        if setting[name] != _DEFAULTS[name]:
            raise ValueError(f"pruning in rounds takes no {name}; leave it out, or use rounds=0")
    found = iterative_prune(model, data, **_those(setting, _ROUNDS), progress=False)
    if found.stopped == "interrupted":
        raise KeyboardInterrupt
    return found.model


def _those(setting: Setting, names: Sequence[str]) -> Setting:
    return {name: setting[name] for name in names if name in setting}


def check_factors(base: Mapping[str, Any], vary: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """The alternatives as lists, without what the base is already.

    Raises:
        ValueError: If a factor is unknown, has nothing to act on, or the base is no whole setting.
        TypeError: If values are no list.
    """
    for name in (*base, *vary):
        if name not in FACTORS:
            raise ValueError(f"factors are {', '.join(FACTORS)}; got {name!r}")
    given = [name for name in TARGETS if base.get(name) is not None]
    if "width" not in base or len(given) != 1:
        raise ValueError(f"base needs width and one of {', '.join(TARGETS)}; got {', '.join(base) or 'nothing'}")
    for name, values in vary.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise TypeError(f"the values of {name} must be a list; got {values!r}")
        if name in KINDS["schedule"] and name != "rounds" and not base.get("rounds"):
            raise ValueError(f"{name} says nothing about one cut; give base rounds of 1 or more")
    return {name: [v for v in values if v != value_of(name, base)] for name, values in vary.items()}


def value_of(factor: str, setting: Mapping[str, Any]) -> Any:
    """What a factor is in a setting: given there, or its default."""
    return setting.get(factor, _DEFAULTS[factor])


def check_data(setting: Setting, data: Any, seed: int) -> None:
    """`ValueError` unless the network of that setting can be built and there are held-out rows for it."""
    network = Network(**_those(setting, _ARCHITECTURE), seed=seed)
    if network.coerce(data, need_labels=True).test_label is None:
        raise ValueError("a study is judged on held-out rows; give (x, y, x_test, y_test)")


def kind_of(factor: str) -> str:
    """What a factor belongs to; see `KINDS`."""
    return next(kind for kind, names in KINDS.items() if factor in names)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _error(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _warned(caught: Sequence[warnings.WarningMessage]) -> str:
    return " ".join(dict.fromkeys(str(one.message) for one in caught))
