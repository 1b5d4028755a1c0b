"""Networks on disk: bit for bit, whole or not at all, and no surprise when a file is not one."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from kan_widget import KAN
from kan_widget.nn import storage
from kan_widget.nn.network import Network
from tests.nn import oracle


def trained(dtype: torch.dtype = torch.float32) -> KAN:
    model = KAN([3, 4, 1], grid=4, k=2, seed=7, grid_eps=0.3, base="identity", dtype=dtype)
    x = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    model.fit((x, x.sum(1)), steps=2, progress=False)
    model.set_masks(*oracle.random_masks(model, 0.3, 1))
    model.layers[0].bias.requires_grad_()
    model.layers[1].scale_base.requires_grad_(False)
    model.names[0] = ["mass", "größe", "x3"]
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_saved_network_comes_back_bit_for_bit(dtype: torch.dtype, tmp_path: Path) -> None:
    model = trained(dtype)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = KAN.load(path)
    assert isinstance(again, KAN)
    one, two = model.state_dict(), again.state_dict()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) and one[name].dtype == two[name].dtype for name in one)
    for name in ("names", "width", "grid", "k", "grid_eps", "seed", "in_features"):
        assert getattr(again, name) == getattr(model, name), name
    assert [layer.base for layer in again.layers] == ["identity", "identity"]
    assert [p.requires_grad for p in again.parameters()] == [p.requires_grad for p in model.parameters()]
    x = torch.rand(9, 3, dtype=dtype)
    assert torch.equal(again(x), model(x))
    again.fit((x, x.sum(1)), steps=1, progress=False)


def test_chosen_columns_and_layers_of_different_grids_come_back(tmp_path: Path) -> None:
    model = trained()
    model.layers[0].mask[:, 0] = False
    smaller = model.compact()
    smaller.layers[1] = smaller.refine(9).layers[1]  # type: ignore[index]
    smaller.save(tmp_path / "model")
    again = KAN.load(tmp_path / "model")
    assert again.columns.tolist() == smaller.columns.tolist() != list(range(smaller.width[0]))
    assert [layer.grid_size for layer in again.layers] == [4, 9]
    x = torch.rand(9, 3)
    assert torch.equal(again(x), smaller(x))


def test_saving_replaces_a_file_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_text("old")
    os.chmod(path, 0o600)
    trained().save(str(path))
    assert os.listdir(tmp_path) == ["model"]
    assert KAN.load(str(path)).width == [3, 4, 1]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    model = trained()
    model.save(path)
    before = path.read_bytes()

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storage, "save_file", fails)
    with pytest.raises(OSError, match=r"disk full"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_saving_where_there_is_no_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere"):
        trained().save(tmp_path / "nowhere" / "model")


def test_loading_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent"):
        Network.load(tmp_path / "absent")


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.999])
def test_a_truncated_file_is_called_damaged(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "model"
    trained().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(
        ValueError, match=r"is damaged, incomplete or not a file that KAN.save wrote.*save the model again"
    ):
        KAN.load(path)


@pytest.mark.parametrize("content", [b"hello", b"x" * 1000, b"\x80\x04\x95" + bytes(500), b'{"a": 1}' * 50])
def test_another_kind_of_file_is_called_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"not a file that KAN.save wrote"):
        KAN.load(path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_foreign_safetensors_file_is_called_so(metadata: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(ValueError, match=r"a safetensors file but not one that KAN.save wrote"):
        KAN.load(path)


@pytest.mark.parametrize(
    "description", ["not json", "[]", "3", "{}", '{"version": 1}', '{"version": "one"}', '{"version": 1, "k": [3]}']
)
def test_a_file_with_another_description_is_called_damaged(description: str, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={storage.FORMAT: description})
    with pytest.raises(ValueError, match=r"not a file that KAN.save wrote.*save the model again"):
        KAN.load(path)


def test_a_newer_format_names_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "newer.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={storage.FORMAT: '{"version": 99}'})
    with pytest.raises(ValueError, match=r"format version 99, this kan_widget reads up to 2; upgrade it"):
        KAN.load(path)


def test_compact_network_is_stored_without_its_empty_edges(tmp_path: Path) -> None:
    dense = Network([30, 20, 2], seed=0)
    dense.save(tmp_path / "dense")
    generator = torch.Generator().manual_seed(0)
    masks = [torch.rand(layer.mask.shape, generator=generator) < 0.1 for layer in dense.layers]
    dense.set_masks(masks, [torch.rand(mask.shape, generator=generator) for mask in masks])
    dense.save(tmp_path / "masked")
    small = dense.compact()
    small.save(tmp_path / "small")
    again = Network.load(tmp_path / "small")
    for name, tensor in small.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    x = torch.rand(5, 30, generator=generator)
    assert torch.equal(again(x), small(x))
    masked = Network.load(tmp_path / "masked")
    assert all(
        torch.equal(a, b) for a, b in zip(masked.state_dict().values(), dense.state_dict().values(), strict=True)
    )
    size = {name: (tmp_path / name).stat().st_size for name in ("dense", "masked", "small")}
    assert size["small"] < size["dense"] / 4
    assert size["masked"] == pytest.approx(size["dense"], rel=0.05)
