"""pykan's names that mean nothing here, or something else: what may be taken as it is, and the way out elsewhere."""

from __future__ import annotations

from typing import Any

_CHECKPOINTS = "nothing is written unless asked for: model.save(path) writes it, and Session has undo"
_FORMULA = "an edge stays a spline; kan_widget.Session(model, data).formula() reads an output as a formula"
_ALL = object()

# Options of pykan's constructor: the value that gives the same network here, and what to do about others.
OPTIONS: dict[str, tuple[Any, str]] = {
    "mult_arity": (_ALL, ""),  # of multiplication nodes, which `width` refuses
    "symbolic_enabled": (_ALL, ""),  # whether to compute symbolic edges, of which a new network has none
    "save_act": (_ALL, ""),  # scores and pictures measure what they need
    "scale_base_mu": (0.0, "write to layer.scale_base of each of model.layers"),
    "scale_base_sigma": (1.0, "write to layer.scale_base of each of model.layers"),
    "affine_trainable": (False, "nodes have no scale of their own; layer.bias.requires_grad_() trains biases"),
    "sp_trainable": (True, "use layer.scale_spline.requires_grad_(False) for each of model.layers"),
    "sb_trainable": (True, "use layer.scale_base.requires_grad_(False) for each of model.layers"),
    "sparse_init": (False, "use model.remove_edge, or kan_widget.prune(model, data, criterion='random', sparsity=0.9)"),
    "auto_save": (False, _CHECKPOINTS),
    "first_init": (True, _CHECKPOINTS),
    "ckpt_path": (None, _CHECKPOINTS),
    "state_id": (0, _CHECKPOINTS),
    "round": (0, _CHECKPOINTS),
}

# Attributes of pykan's model.
_ATTRIBUTES: dict[str, str] = {
    "get_act": "nothing need be recorded first; give data= to attribute, prune and plot, or Session(model, x).trace",
    "saveckpt": "use model.save(path)",
    "loadckpt": "use KAN.load(path)",
    "rewind": "use Session(model, data), which has undo and jump",
    "checkout": "use Session(model, data), which has undo and jump",
    "log_history": "use Session(model, data), which has a history and a log",
    "auto_symbolic": _FORMULA,
    "suggest_symbolic": _FORMULA,
    "fix_symbolic": _FORMULA,
    "symbolic_formula": _FORMULA,
    "update_grid_from_samples": "use model.update_grid(x)",
    "expand_depth": "networks do not grow here; make a deeper one and fit it",
    "expand_width": "networks do not grow here; make a wider one and fit it",
    "act_fun": "use model.layers",
    "width_in": "use model.width",
    "base_fun_name": "use model.layers[0].base",
}


def translated(options: dict[str, Any]) -> dict[str, Any]:
    """Options of the constructor in our words.

    Raises:
        TypeError: If one of pykan's would give another network there than here; the message has the way out.
    """
    ours = dict(options)
    if "base_fun" in ours:
        if "base" in ours:
            raise TypeError("base_fun is pykan's name of base; give one of them")
        ours["base"] = ours.pop("base_fun")
    for name in OPTIONS.keys() & ours.keys():
        value, (same, instead) = ours.pop(name), OPTIONS[name]
        if same is not _ALL and value != same:
            raise TypeError(f"{name}={value!r} is an option of pykan, not of this KAN: {instead}")
    return ours


def way_out(attribute: str) -> str | None:
    """What to use for an attribute of pykan's model, in a sentence; None for others."""
    instead = _ATTRIBUTES.get(attribute)
    return instead and f"KAN has no {attribute!r}, which is pykan's: {instead}"
