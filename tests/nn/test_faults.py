"""Hostile tensors, folders, compilers and threads: the numbers of torch or a clear error, by the kernel or not."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from kan_widget import KAN, KANLayer
from kan_widget.nn import native
from kan_widget.nn.native import building
from kan_widget.nn.penalties import Penalty, forward_with_penalty
from tests.nn.compilers import needs_compiler

ROWS = 300

pytestmark = needs_compiler


@pytest.fixture(params=["native", "torch"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to evaluate."""
    monkeypatch.setenv("KAN_WIDGET_BACKEND", request.param)
    return str(request.param)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process that has not chosen yet, with a cache of its own; the path of that."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KAN_WIDGET_BACKEND", raising=False)
    monkeypatch.setattr(native, "_choice", native._Choice())
    return tmp_path / "kan_widget"


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that takes no time, since it has done its work before."""
    library = building.open_library()[0]._name

    def copied(_: Sequence[str], __: Sequence[str], target: Path) -> Path:
        shutil.copy(library, target)
        return target

    monkeypatch.setattr(building, "_compile", copied)


def points(rows: int = ROWS, columns: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.rand(rows, columns, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(dtype)


def model(width: tuple[int, ...] = (2, 5, 1)) -> KAN:
    return KAN(list(width), seed=0)


def on_torch(call: Callable[[], Any]) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAN_WIDGET_BACKEND", "torch")
        return call()


def outcome(call: Callable[[], Tensor]) -> tuple[Any, ...]:
    """What a call gives, as far as two ways to evaluate have to agree in it."""
    try:
        y = call()
    except (RuntimeError, TypeError, ValueError) as error:
        return (type(error),)
    return y.shape, y.dtype


# ---- tensors ----


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])  # small networks whole, others by layer
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.complex64]
)
def test_points_of_another_dtype_meet_with_what_torch_does(dtype: torch.dtype, width: tuple[int, ...]) -> None:
    found = {}
    for backend in ("native", "torch"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KAN_WIDGET_BACKEND", backend)
            found[backend] = outcome(lambda: model(width)(points().to(dtype)))
    assert found["native"] == found["torch"]


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
def test_parameters_of_mixed_dtypes_meet_with_what_torch_does(width: tuple[int, ...]) -> None:
    found = {}
    for backend in ("native", "torch"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KAN_WIDGET_BACKEND", backend)
            mixed = model(width)
            mixed.layers[0].coef.data = mixed.layers[0].coef.data.double()
            found[backend] = outcome(lambda network=mixed: network(points()))
    assert found["native"] == found["torch"]


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
def test_no_rows_give_no_rows_and_gradients_of_zero(width: tuple[int, ...], either: str) -> None:
    network = model(width)
    y = network(points(0).requires_grad_())
    assert y.shape == (0, width[-1])
    y.sum().backward()
    assert all(not p.grad.any() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T.contiguous().T,
        lambda x: torch.cat([x, x], dim=1)[:, :2],
        lambda x: torch.stack([x, x], dim=1)[:, 0],
        lambda x: x[:1].expand(ROWS, 2),
        lambda x: x.flip(0)[::2],
        lambda x: torch.complex(x, -x).conj().imag,  # marked as negative, not negated
    ],
    ids=["columns", "narrowed", "interleaved", "one row", "steps", "negated"],
)
def test_points_may_be_views_of_any_kind(view: Callable[[Tensor], Tensor], width: tuple[int, ...], either: str) -> None:
    x, network = view(points()), model(width)
    expected = on_torch(lambda: network(x.clone().contiguous().resolve_neg()))
    torch.testing.assert_close(network(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_in_its_row(value: float, width: tuple[int, ...], either: str) -> None:
    network, x = model(width), points()
    clean = network(x).detach()
    x[7, 1] = value
    inner = x.clone().requires_grad_()
    y = network(inner)
    others = torch.arange(ROWS) != 7
    torch.testing.assert_close(y[others], clean[others], rtol=1e-5, atol=1e-5)
    assert not y[7].isfinite().all()
    y[others].sum().backward()
    assert inner.grad is not None
    assert inner.grad[others].isfinite().all()


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
def test_gradients_that_are_not_finite_stay_with_their_outputs(width: tuple[int, ...], either: str) -> None:
    layer = KANLayer.random(width[0], width[1], grid=5, k=3, generator=torch.Generator().manual_seed(0))
    x = points().requires_grad_()
    y = layer(x)
    grad = torch.ones_like(y)
    grad[:, 2] = float("nan")
    y.backward(grad)
    clean = torch.arange(width[1]) != 2
    assert layer.coef.grad is not None
    assert layer.coef.grad[clean].isfinite().all()
    assert layer.scale_base.grad is not None
    assert layer.scale_base.grad[2].isnan().all()


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
def test_what_is_pruned_may_hold_anything(width: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "native")
    network = model(width)
    off = torch.ones(width[1], 2, dtype=torch.bool)
    off[1, 0] = False
    network.set_masks([off, *(torch.ones_like(layer.mask) for layer in network.layers[1:])])
    expected = network(points()).detach()
    with torch.no_grad():
        network.layers[0].coef[1, 0] = float("nan")
        network.layers[0].scale_base[1, 0] = float("inf")
    y = network(points())
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("width", [(2, 5, 1), (2, 40, 20)])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38])
@pytest.mark.parametrize("place", [0, 4, 6, -1])
def test_knots_that_are_none_do_not_lead_out_of_the_arrays(
    place: int, value: float, width: tuple[int, ...], either: str
) -> None:
    network = model(width)
    clean = network(points())
    network.layers[0].grid[0, place] = value
    y = network(points().requires_grad_())
    assert y.shape == clean.shape
    y.nan_to_num().sum().backward()
    network.layers[0].grid[0] = network.layers[0].grid[0].flip(0)
    assert network(points()).shape == clean.shape


# ---- folders and compilers ----


def test_a_full_disk_is_done_without(instant: None, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert native.backend().name == "native"
    assert "for this process" in native.backend().reason
    assert list(fresh.glob("*.so")) == []


def test_a_compiler_that_cannot_write_leaves_torch(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\ncase "$*" in *.so*) echo "No space left on device" >&2; exit 1;; esac\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    layer, x = KANLayer.random(2, 5, grid=5, k=3), points()
    assert torch.equal(layer(x), on_torch(lambda: layer(x)))
    assert "No space left on device" in native.backend().reason


def test_a_user_without_a_home_has_no_cache(instant: None, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> NoReturn:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert "for this process" in native.backend().reason


def test_a_compiler_that_cannot_be_named_leaves_torch(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", 'gcc "-O2')
    assert native.backend().name == "torch"
    assert "CC" in native.backend().reason


def test_a_program_that_is_none_leaves_torch(fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "compiler"
    compiler.write_bytes(b"\x7fELF rubbish")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert native.backend().name == "torch"


def test_the_library_of_another_version_is_not_taken(
    instant: None, fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(building, "SHIPPED", tmp_path / "shipped")
    building.SHIPPED.mkdir()
    current = building.compile_for_others(building.SHIPPED)
    found = native.backend()
    assert found.name == "native"
    assert "came with the package" in found.reason
    assert not fresh.exists()
    for path in current:
        path.rename(path.with_name("0" * 16 + path.name[16:]))
    assert "came with" not in building.open_library()[1]


# ---- threads and processes ----


def test_threads_that_ask_at_once_get_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAN_WIDGET_BACKEND", raising=False)
    made = []
    chosen = native._choice.made()
    monkeypatch.setattr(native, "_choice", native._Choice())

    def choose() -> Any:
        made.append(1)
        time.sleep(0.05)
        return chosen

    monkeypatch.setattr(native, "_choose", choose)
    layer, x = KANLayer.random(2, 5, grid=5, k=3), points()
    results: list[Tensor] = []
    gate = threading.Barrier(6)

    def run() -> None:
        gate.wait(timeout=30)
        results.append(layer(x))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all(torch.equal(result, results[0]) for result in results)
    assert len(results) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="no fork here")
def test_a_fork_while_another_thread_chooses_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native._choice, "_made", None)
    with native._choice._lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of threads, and there are none of ours
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # ends the child if it waits for a lock that nobody will give up
            y = KANLayer.random(2, 5, grid=5, k=3)(points())
            os._exit(0 if y.isfinite().all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---- tensors that a network was not built with ----

SIZES = [(2, 5, 1), (2, 40, 20)]


def both_outcomes(change: Callable[[KAN], None], width: tuple[int, ...]) -> dict[str, Any]:
    """Outputs and gradient of a changed network, or the kind of error."""
    found: dict[str, Any] = {}
    for backend in ("native", "torch"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KAN_WIDGET_BACKEND", backend)
            network = model(width)
            network(points())
            change(network)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some are given once in a process
                    y = network(points())
                    y.sum().backward()
                found[backend] = [y.detach(), *(p.grad for p in network.parameters())]
            except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
                found[backend] = type(error)
    return found


def assert_alike(found: dict[str, Any]) -> None:
    ours, theirs = found["native"], found["torch"]
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours == theirs
        return
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.uint8, torch.int64])
@pytest.mark.parametrize("name", ["coef", "scale_spline", "scale_base", "bias", "fill", "grid", "mask", "coef_mask"])
def test_tensors_of_another_dtype_are_not_read_as_what_they_are_not(
    name: str, dtype: torch.dtype, width: tuple[int, ...]
) -> None:
    def change(network: KAN) -> None:
        layer = network.layers[-1]
        layer.mask[0, 1] = False
        old = torch.ones_like(layer.coef, dtype=torch.bool) if name == "coef_mask" else getattr(layer, name)
        new = old.detach().to(dtype) + (0.25 if dtype.is_floating_point else 0)
        parameter = isinstance(old, torch.nn.Parameter)
        setattr(layer, name, torch.nn.Parameter(new, requires_grad=dtype.is_floating_point) if parameter else new)

    assert_alike(both_outcomes(change, width))


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("way", ["one", "short", "long", "turned"])
@pytest.mark.parametrize("name", ["coef", "scale_spline", "scale_base", "bias", "fill", "grid", "mask", "coef_mask"])
def test_tensors_of_another_shape_are_not_read_beyond_their_ends(name: str, way: str, width: tuple[int, ...]) -> None:
    def change(network: KAN) -> None:
        layer = network.layers[0]
        layer.mask[0, 1] = False
        old = torch.ones_like(layer.coef, dtype=torch.bool) if name == "coef_mask" else getattr(layer, name).detach()
        new = {
            "one": old.reshape(-1)[:1].reshape([1] * old.ndim),
            "short": old[..., :-1],
            "long": torch.cat([old, old], dim=-1),
            "turned": old.transpose(0, -1),
        }[way]
        parameter = isinstance(getattr(layer, name), torch.nn.Parameter)
        setattr(layer, name, torch.nn.Parameter(new) if parameter else new)

    assert_alike(both_outcomes(change, width))


@pytest.mark.parametrize("width", SIZES)
def test_what_looks_at_the_same_memory_in_another_way_is_noticed(width: tuple[int, ...]) -> None:
    def shorten(network: KAN) -> None:
        network.layers[0].bias.data = network.layers[0].bias.data[:1]

    def turn(network: KAN) -> None:
        scale = network.layers[0].scale_base
        scale.data = torch.as_strided(scale.data, scale.shape, (1, scale.shape[0]))

    def degree(network: KAN) -> None:
        network.layers[0].k = 2

    for change in (shorten, turn, degree):
        assert_alike(both_outcomes(change, width))


@pytest.mark.parametrize("width", SIZES)
def test_coefficients_of_pruned_edges_may_be_nan(width: tuple[int, ...], either: str) -> None:
    network, clean = model(width), model(width)
    for each in (network, clean):
        each.layers[0].mask[1, 0] = False
    with torch.no_grad():
        for name in ("coef", "scale_spline", "scale_base"):
            getattr(network.layers[0], name)[1, 0] = float("nan")
    for each in (network, clean):
        each(points()).sum().backward()
    assert torch.equal(network(points()), clean(points()))
    assert torch.equal(network.layers[0].coef.grad, clean.layers[0].coef.grad)


@pytest.mark.parametrize("width", SIZES)
def test_another_default_device_changes_nothing(width: tuple[int, ...], either: str) -> None:
    x = points()
    options: dict[str, Any] = {"steps": 2, "lamb": 0.01, "update_grid": False, "progress": False}
    labels = x[:, :1].repeat(1, width[-1])
    plain, network = model(width), model(width)
    expected = plain.fit((x, labels), **options)
    with torch.device("meta"):
        found = network.fit((x, labels), **options)
        assert torch.equal(network(x), plain(x))
    assert found.train_loss == expected.train_loss


def test_the_kernel_is_chosen_under_another_default_device(fresh: Path, instant: None) -> None:
    with torch.device("meta"):
        assert native.backend().name == "native"


# ---- who looks at each operation ----


OF_TORCH = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:Full backward hook")


@OF_TORCH
@pytest.mark.parametrize("width", SIZES)
def test_function_transforms_are_ordinary_autograd(width: tuple[int, ...], either: str) -> None:
    x, network = points(30).double(), model(width).double()
    network.layers[0].mask[1, 0] = False
    leaf = x.clone().requires_grad_()
    (network(leaf) ** 2).sum().backward()
    parameters = dict(network.named_parameters())

    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return (torch.func.functional_call(network, parameters, (x,)) ** 2).sum()

    by_parameter, by_x = torch.func.grad(loss, argnums=(0, 1))(parameters, x)
    torch.testing.assert_close(by_x, leaf.grad)
    for name, p in parameters.items():
        if p.requires_grad:
            torch.testing.assert_close(by_parameter[name], p.grad)
    jacobian = torch.func.jacrev(network)(x[:3])
    torch.testing.assert_close(jacobian, torch.autograd.functional.jacobian(network, x[:3]))
    _, tangent = torch.func.jvp(network, (x[:3],), (torch.ones_like(x[:3]),))
    torch.testing.assert_close(tangent, jacobian.sum((2, 3)))


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("penalised", [False, True])
def test_many_gradients_at_once_are_those_one_by_one(width: tuple[int, ...], penalised: bool, either: str) -> None:
    network = model(width).double()
    x, penalty = points().double()[:6], Penalty(lamb_l1=1.0, lamb_entropy=1.0, metric="edge_forward_spline_n")

    def outputs(x: Tensor) -> Tensor:
        y = network(x)
        return forward_with_penalty(network, x, penalty)[1] * y if penalised else y

    for derivatives in (torch.autograd.functional.jacobian, torch.autograd.functional.hessian):
        of = outputs if derivatives is torch.autograd.functional.jacobian else lambda x: outputs(x).square().sum()
        at_once = derivatives(of, x, vectorize=True)
        torch.testing.assert_close(at_once, derivatives(of, x), rtol=1e-9, atol=1e-10)


@OF_TORCH
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch", "ignore:.*:FutureWarning:torch")
@pytest.mark.parametrize("width", SIZES)
def test_a_network_can_be_compiled_as_a_whole_and_exported(width: tuple[int, ...], either: str) -> None:
    network, x = model(width), points()
    network.layers[0].mask[1, 0] = False
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    gradients = []
    for one in (network, compiled):
        leaf = x.clone().requires_grad_()
        y = one(leaf)
        gradients.append((y.detach(), *torch.autograd.grad((y**2).sum(), [leaf, network.layers[0].coef])))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    rows = torch.export.Dim("rows", min=2)
    exported = torch.export.export(network, (x,), dynamic_shapes=({0: rows},)).module()
    torch.testing.assert_close(exported(x[:7]), network(x[:7]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", SIZES)
def test_vmap_goes_over_points_and_over_networks(width: tuple[int, ...], either: str) -> None:
    x = points()
    networks = [KAN(list(width), seed=seed) for seed in range(3)]
    expected = networks[0](x)
    for context in (torch.enable_grad(), torch.no_grad()):
        with context:
            many = torch.func.vmap(networks[0])(x.view(10, 30, 2))
        torch.testing.assert_close(many.reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    parameters, buffers = torch.func.stack_module_state(networks)
    found = torch.func.vmap(lambda p, b: torch.func.functional_call(networks[0], (p, b), (x,)))(parameters, buffers)
    for one, network in zip(found, networks, strict=True):
        torch.testing.assert_close(one, network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", SIZES)
def test_what_is_recorded_is_the_function_and_not_one_of_its_values(width: tuple[int, ...], either: str) -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    network, x = model(width), points()
    expected = network(x / 2)
    recorded = [make_fx(network)(x)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is still to be deprecated, and of numbers that become constants
        recorded.append(torch.jit.trace(network, x, check_trace=False))
    for function in recorded:
        torch.testing.assert_close(function(x / 2), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(x / 2), expected, rtol=0, atol=0)


@OF_TORCH
@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("grad", [True, False])
def test_forward_mode_gives_tangents(grad: bool, width: tuple[int, ...], either: str) -> None:
    import torch.autograd.forward_ad as forward_ad

    network, x = model(width).double(), points(5).double()
    _, expected = torch.autograd.functional.jvp(network, x, torch.ones_like(x))
    with torch.set_grad_enabled(grad), forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(network(forward_ad.make_dual(x, torch.ones_like(x)))).tangent
    torch.testing.assert_close(tangent, expected)


# ---- who wants to know of each step ----


@OF_TORCH
def test_hooks_are_called_by_every_fit(either: str) -> None:
    x = points()
    called: list[str] = []

    def by_parameter(network: KAN) -> None:
        network.layers[0].coef.register_post_accumulate_grad_hook(lambda _: called.append("parameter"))

    def by_module(network: KAN) -> None:
        network.register_full_backward_hook(lambda *_: called.append("module"))

    def before_module(network: KAN) -> None:
        network.register_full_backward_pre_hook(lambda *_: called.append("before"))

    def by_method(network: KAN) -> None:
        original = network.forward
        network.forward = lambda x: (called.append("forward"), original(x))[1]  # type: ignore[method-assign]

    for add, name in ((by_parameter, "parameter"), (by_module, "module"), (before_module, "before")):
        network = model()
        add(network)
        network.fit((x, x[:, :1] ** 2), steps=1, update_grid=False, progress=False)
        assert name in called
    network = model()
    by_method(network)
    network.fit((x, x[:, :1] ** 2), steps=1, update_grid=False, progress=False)
    assert "forward" in called
    called.clear()
    later = model()

    def callback(now: int, _: Any) -> None:
        if now == 0:
            by_parameter(later)

    later.fit((x, x[:, :1] ** 2), steps=2, update_grid=False, progress=False, callback=callback)
    assert called


def test_the_reason_is_the_first_error_of_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "wrong.c"
    notes = "#define TWICE(x) (x) + (x) + nothing\n" + "int f(void) { return TWICE(1); }\n"
    source.write_text("int first(void) { return missing; }\n" + notes * 40)
    monkeypatch.setattr(building, "SOURCE", source)
    with pytest.raises(building.Unavailable, match=r"error: .*missing"):
        building._compile(building.find_compiler(), (), tmp_path / "kernel.so")
