"""Networks on disk: safetensors for the arrays, JSON in its header for the rest. No pickle."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .layer import KANLayer

if TYPE_CHECKING:
    from .network import Network

N = TypeVar("N", bound="Network")

FORMAT = "kan_widget"
VERSION = 2
_TENSORS = ("grid", "coef", "scale_base", "scale_spline", "bias", "mask", "fill")
# What is stored of full edges only, and what the others have of it.
_PER_EDGE = {"coef": 0, "scale_base": 0, "scale_spline": 0, "fill": 0, "coef_mask": True}


def save(network: Network, path: str | Path) -> None:
    """Write `network` to `path`, whole or not at all."""
    path = Path(path)
    tensors = {f"layers.{i}.{name}": t for i, layer in enumerate(network.layers) for name, t in _packed(layer).items()}
    description = {
        # Version 2 came with masks of coefficients; without any, what reads version 1 may read the file.
        "version": 2 if any(layer.coef_mask is not None for layer in network.layers) else 1,
        "k": [layer.k for layer in network.layers],
        "base": [layer.base for layer in network.layers],
        "names": network.names,
        "columns": network.columns.tolist(),
        "in_features": network.in_features,
        "grid_eps": network.grid_eps,
        "seed": network.seed,
        "trained": [name for name, parameter in network.named_parameters() if parameter.requires_grad],
    }
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(tensors, draft, metadata={FORMAT: json.dumps(description)})
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _packed(layer: KANLayer) -> dict[str, Tensor]:
    """The tensors of a layer, those of edges without the empty ones if there are any: pruned, and nothing kept of them.

    Only `compact` leaves edges so; a network that was merely masked is stored whole, since they may come back.
    """
    names = _TENSORS if layer.coef_mask is None else (*_TENSORS, "coef_mask")
    tensors = {name: getattr(layer, name).detach().cpu().contiguous() for name in names}
    full = tensors["mask"].clone()
    per_edge = {name: empty for name, empty in _PER_EDGE.items() if name in tensors}
    for name, empty in per_edge.items():
        full |= (tensors[name].flatten(2) if tensors[name].ndim > 2 else tensors[name].unsqueeze(-1)).ne(empty).any(-1)
    if bool(full.all()):
        return tensors
    return {**tensors, **{name: tensors[name][full] for name in per_edge}, "full": full}


def _unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    full = tensors.pop("full", None)
    if full is None:
        return tensors
    for name, empty in _PER_EDGE.items():
        if name in tensors:
            whole = tensors[name].new_full((*full.shape, *tensors[name].shape[1:]), empty)
            whole[full] = tensors[name]
            tensors[name] = whole
    return tensors


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(cls: type[N], path: str | Path, device: str | torch.device | None) -> N:
    """Read the network of class `cls` at `path`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            description = _description(file.metadata(), path)
            layers = [_layer(file, i, description) for i in range(len(description["k"]))]
        network = cls.from_layers(
            layers, **{key: description[key] for key in ("names", "columns", "in_features", "grid_eps", "seed")}
        )
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in description["trained"])
    except (SafetensorError, LookupError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is damaged, incomplete or not a file that KAN.save wrote ({error}); save the model again"
        ) from error
    return network.to(device)


def _description(metadata: dict[str, str] | None, path: Path) -> dict[str, Any]:
    if not metadata or FORMAT not in metadata:
        raise ValueError(f"{path} is a safetensors file but not one that KAN.save wrote")
    description: dict[str, Any] = json.loads(metadata[FORMAT])
    if description["version"] > VERSION:
        raise ValueError(
            f"{path} has format version {description['version']}, this kan_widget reads up to {VERSION}; upgrade it"
        )
    return description


def _layer(file: Any, index: int, description: dict[str, Any]) -> KANLayer:
    stored = set(file.keys())
    optional = [name for name in ("coef_mask", "full") if f"layers.{index}.{name}" in stored]
    tensors = {name: file.get_tensor(f"layers.{index}.{name}") for name in (*_TENSORS, *optional)}
    return KANLayer(**_unpacked(tensors), k=description["k"][index], base=description["base"][index])
