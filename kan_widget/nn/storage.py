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
VERSION = 1
_TENSORS = ("grid", "coef", "scale_base", "scale_spline", "bias", "mask", "fill")
_PER_EDGE = ("coef", "scale_base", "scale_spline", "fill")


def save(network: Network, path: str | Path) -> None:
    """Write `network` to `path`, whole or not at all."""
    path = Path(path)
    tensors = {f"layers.{i}.{name}": t for i, layer in enumerate(network.layers) for name, t in _packed(layer).items()}
    description = {
        "version": VERSION,
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
    tensors = {name: getattr(layer, name).detach().cpu().contiguous() for name in _TENSORS}
    full = tensors["mask"].clone()
    for name in _PER_EDGE:
        full |= (tensors[name].flatten(2) if tensors[name].ndim > 2 else tensors[name].unsqueeze(-1)).ne(0).any(-1)
    if bool(full.all()):
        return tensors
    return {**tensors, **{name: tensors[name][full] for name in _PER_EDGE}, "full": full}


def _unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    full = tensors.pop("full", None)
    if full is None:
        return tensors
    for name in _PER_EDGE:
        whole = tensors[name].new_zeros(*full.shape, *tensors[name].shape[1:])
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
    names = [*_TENSORS, "full"] if f"layers.{index}.full" in file.keys() else _TENSORS
    tensors = {name: file.get_tensor(f"layers.{index}.{name}") for name in names}
    return KANLayer(**_unpacked(tensors), k=description["k"][index], base=description["base"][index])
