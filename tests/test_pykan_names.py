"""Scripts written for pykan: each of its names is taken with the same meaning, or refused with the way out."""

import inspect
import warnings
from typing import Any

import kan
import pytest
import torch

from kan_widget import KAN
from kan_widget.nn.network import Network

X = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1

THEIRS = {
    name: parameter.default
    for name, parameter in inspect.signature(kan.KAN.__init__).parameters.items()
    if name not in ("self", "width")
}


# Whoever gives these wants files.
FILES = ("auto_save", "ckpt_path")


@pytest.mark.parametrize("name", sorted(THEIRS.keys() - set(FILES)))
def test_option_of_pykan_at_its_default_is_taken_and_means_the_same(name: str) -> None:
    ours = {name: THEIRS[name]} if name in inspect.signature(Network).parameters else {}
    model, same = KAN([2, 3, 1], **{"seed": 0, name: THEIRS[name]}), KAN([2, 3, 1], **{"seed": 0, **ours})
    assert torch.equal(model(X), same(X))


@pytest.mark.parametrize("name", FILES)
def test_option_of_pykan_that_writes_files_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}=.* is an option of pykan.*model\.save\(path\)"):
        KAN([2, 3, 1], **{name: THEIRS[name]})


def test_options_that_switch_off_what_is_not_here_are_taken() -> None:
    model = KAN([2, 3, 1], seed=0, auto_save=False, save_act=False, symbolic_enabled=False, device="cpu")
    assert torch.equal(model(X), KAN([2, 3, 1], seed=0)(X))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"affine_trainable": True}, "layer.bias.requires_grad_"),
        ({"sp_trainable": False}, "scale_spline.requires_grad_"),
        ({"sb_trainable": False}, "scale_base.requires_grad_"),
        ({"sparse_init": True}, "criterion='random'"),
        ({"scale_base_mu": 1.0}, "layer.scale_base"),
        ({"auto_save": True}, "model.save"),
        ({"base_fun": "silu", "base": "silu"}, "give one of them"),
        ({"no_such_option": 1}, "no_such_option"),
    ],
)
def test_option_that_would_mean_another_network_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("'", ".")):
        KAN([2, 3, 1], seed=0, **options)


@pytest.mark.parametrize("base", ["silu", "identity", "zero"])
def test_base_fun_is_base(base: str) -> None:
    assert torch.equal(KAN([2, 3, 1], seed=0, base_fun=base)(X), KAN([2, 3, 1], seed=0, base=base)(X))


def test_constructor_shows_its_options_to_help() -> None:
    shown = inspect.signature(KAN).parameters
    assert list(shown) == list(inspect.signature(Network).parameters)


def test_speed_is_the_model_itself() -> None:
    model = KAN([2, 3, 1], seed=0)
    assert model.speed() is model


@pytest.mark.parametrize(
    ("name", "said"),
    [("saveckpt", "model.save"), ("get_act", "data="), ("auto_symbolic", "formula"), ("width_in", "width")],
)
def test_attribute_of_pykan_is_refused_with_the_way_out(name: str, said: str) -> None:
    assert name in dir(kan.KAN)
    assert not hasattr(KAN([2, 1]), name)
    with pytest.raises(AttributeError, match=said):
        getattr(KAN([2, 1]), name)


def test_attribute_that_nobody_has_is_refused_as_torch_does() -> None:
    with pytest.raises(AttributeError, match="'KAN' object has no attribute 'no_such'"):
        getattr(KAN([2, 1]), "no" + "_such")


@pytest.mark.parametrize("name", ["feature_score", "node_scores", "edge_scores"])
def test_score_without_data_is_missing_and_says_why(name: str) -> None:
    model = KAN([2, 3, 1], seed=0)
    assert not hasattr(model, name)
    for kind in (AttributeError, ValueError):
        with pytest.raises(kind, match="has not been fitted yet"):
            getattr(model, name)
    model.fit((X, X[:, :1]), steps=1, progress=False)
    assert hasattr(model, name)


def test_members_of_an_unfitted_model_can_be_listed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {name for name, _ in inspect.getmembers(KAN([2, 1]))}
    assert "fit" in names
    assert "feature_score" not in names


@pytest.mark.filterwarnings("ignore")  # what torch says of parts that it leaves as they are
def test_model_that_takes_pykans_names_can_be_compiled() -> None:
    model = KAN([2, 3, 1], seed=0)
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(X), model(X))
