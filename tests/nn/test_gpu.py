"""The Triton kernels: on a cuda device where there is one, else in Triton's interpreter, else what happens without."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from kan_widget import KAN, backend
from kan_widget.nn import gpu
from kan_widget.nn.gpu.layer import evaluate as evaluate_on_gpu
from kan_widget.nn.gpu.selftest import check, differences
from kan_widget.nn.spline import Edges, Knots, evaluate, extend_grid, plain_layer

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
on_cuda = pytest.mark.skipif(not CUDA, reason="no CUDA device")


@pytest.fixture
def kernel() -> Any:
    if not CUDA:
        # Read once, by the kernels' module.
        os.environ.setdefault("TRITON_INTERPRET", "1")
    pytest.importorskip("triton", reason="Triton is not installed; `make triton` installs it and runs these tests")
    from kan_widget.nn.gpu.launch import Kernel

    return Kernel()


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAN_WIDGET_BACKEND", raising=False)
    monkeypatch.setattr(gpu, "_choice", gpu._Choice())


def drawn(n_in: int, n_out: int, batch: int, k: int = 3, spans: int = 5) -> tuple[Tensor, Tensor, Knots]:
    generator = torch.Generator().manual_seed(1)
    grid = torch.linspace(-1, 1, spans + 1).repeat(n_in, 1)
    x = 3 * torch.rand(n_in, batch, generator=generator) - 1.5
    weight = torch.rand(n_out, spans + k + 1, n_in, generator=generator) - 0.5
    return x.to(DEVICE), weight.to(DEVICE), Knots.of(extend_grid(grid, k).to(DEVICE), k)


def defined(x: Tensor, weight: Tensor, knots: Knots, base: str = "silu") -> Tensor:
    return plain_layer(x, Edges(weight[:, :-1].transpose(1, 2), None, weight[:, -1], None, None, None), knots, base)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_layers_of_every_degree_agree_with_the_definition(kernel: Any, k: int) -> None:
    found = differences(kernel, 5, 19, 70, k, DEVICE)
    assert max(found.values()) < 2e-6, found


@pytest.mark.parametrize(
    ("n_in", "n_out", "batch", "spans"), [(1, 1, 4, 5), (33, 70, 65, 5), (3, 2, 64, 40), (130, 3, 20, 3)]
)
def test_layers_of_every_size_agree_with_the_definition(
    kernel: Any, n_in: int, n_out: int, batch: int, spans: int
) -> None:
    found = differences(kernel, n_in, n_out, batch, 3, DEVICE, spans=spans)
    assert max(found.values()) < 2e-6, found


@pytest.mark.parametrize("base", ["silu", "identity", "zero"])
def test_the_base_function_and_its_slope_agree_with_the_definition(kernel: Any, base: str) -> None:
    x, weight, knots = drawn(4, 3, 40)
    grad = torch.ones(3, 40, device=DEVICE)
    wanted = x.clone().requires_grad_()
    y = defined(wanted, weight, knots, base)
    y.sum().backward()
    torch.testing.assert_close(kernel.forward(x, weight, knots, base), y.detach())
    torch.testing.assert_close(kernel.slopes(grad, x, weight, knots, base), wanted.grad, rtol=1e-4, atol=1e-5)


def test_gradients_come_by_autograd_and_twice(kernel: Any) -> None:
    x, weight, knots = drawn(3, 2, 10)
    x, weight = x.requires_grad_(), weight.requires_grad_()
    first: dict[str, tuple[Tensor, ...]] = {}
    second: dict[str, tuple[Tensor, ...]] = {}
    for name, y in (
        ("kernel", evaluate_on_gpu(kernel, x, weight, knots, "silu")),
        ("plain", defined(x, weight, knots)),
    ):
        first[name] = torch.autograd.grad((y**2).sum(), (x, weight), retain_graph=True)
        slope = torch.autograd.grad((y**2).sum(), (x, weight), create_graph=True)
        second[name] = torch.autograd.grad(sum((part**2).sum() for part in slope), (x, weight))
    torch.testing.assert_close(first["kernel"], first["plain"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(second["kernel"], second["plain"], rtol=1e-3, atol=1e-3)


def test_only_wanted_gradients_are_made(kernel: Any) -> None:
    x, weight, knots = drawn(3, 2, 10)
    made: list[str] = []
    spy = SimpleNamespace(
        forward=kernel.forward,
        slopes=lambda *given: made.append("slopes") or kernel.slopes(*given),
        weights=lambda *given: made.append("weights") or kernel.weights(*given),
    )
    evaluate_on_gpu(spy, x, weight.requires_grad_(), knots, "silu").sum().backward()  # type: ignore[arg-type]
    assert made == ["weights"]


# NumPy, which stands in for the device in the interpreter, warns of NaN.
@pytest.mark.filterwarnings("ignore:invalid value")
def test_far_and_missing_points_give_what_torch_gives(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, knots = drawn(2, 3, 6)
    x[0] = torch.tensor([float("inf"), 1e30, -1e30, float("nan"), 100.0, -100.0])
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "torch")
    expected = evaluate(x, weight, knots, "identity")
    assert expected.isfinite().sum() == 12
    torch.testing.assert_close(kernel.forward(x, weight, knots, "identity"), expected, equal_nan=True)


def test_points_in_another_order_in_memory_are_read_right(kernel: Any) -> None:
    x, weight, knots = drawn(4, 3, 20)
    other = x.T.contiguous().T
    assert not other.is_contiguous()
    torch.testing.assert_close(
        evaluate_on_gpu(kernel, other, weight.transpose(1, 2).contiguous().transpose(1, 2), knots, "silu"),
        kernel.forward(x, weight, knots, "silu"),
    )


def test_empty_layers_and_higher_degrees_are_left_to_torch(kernel: Any) -> None:
    x, weight, knots = drawn(2, 3, 6)
    assert kernel.takes(x, weight, knots)
    assert not kernel.takes(x[:, :0], weight, knots)
    assert not kernel.takes(*drawn(2, 3, 6, k=6))


def test_the_selftest_tells_what_is_wrong(kernel: Any) -> None:
    assert check(kernel, DEVICE) == ""
    wrong = SimpleNamespace(
        forward=kernel.forward, slopes=lambda *given: 1.001 * kernel.slopes(*given), weights=kernel.weights
    )
    assert check(wrong, DEVICE) == "slopes off by 0.001"  # type: ignore[arg-type]


def test_without_triton_torch_does_it(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("launch", "kernels"):
        monkeypatch.delitem(sys.modules, f"kan_widget.nn.gpu.{name}", raising=False)
        monkeypatch.delattr(gpu, name, raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    found = gpu.backend(torch.device("cuda", 0))
    assert found.name == "torch"
    assert "Triton cannot be imported" in found.reason


def test_kernels_that_fail_their_test_are_not_used(kernel: Any, afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError("no driver")

    monkeypatch.setattr("kan_widget.nn.gpu.selftest.check", broken)
    with pytest.warns(
        RuntimeWarning, match="failed in their test at the start .RuntimeError: no driver.; torch is used"
    ):
        assert gpu.backend(torch.device("cuda", 0)).name == "torch"


def test_torch_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_WIDGET_BACKEND", "torch")
    assert gpu.backend(torch.device("cuda", 0)) == gpu.Backend("torch", "KAN_WIDGET_BACKEND is torch")


def test_other_devices_are_left_to_torch() -> None:
    assert backend("meta").reason == "there is no kernel for meta"
    if not CUDA:
        assert backend("cuda").reason == "this torch finds no cuda device"


COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from kan_widget.nn.gpu import kernels

for capability in (80, 90):
    for kernel in (kernels.forward, kernels.slopes, kernels.weights):
        fixed = {"k": 3, "base": 0, "INPUTS": 32, "OUTPUTS": 64, "POINTS": 64}
        names = kernel.arg_names
        kind = {n: "constexpr" if n in fixed else "*fp32" if n.isupper() else "i32" for n in names}
        source = ASTSource(kernel, kind, {(names.index(n),): value for n, value in fixed.items()})
        made = compile(source, target=GPUTarget("cuda", capability, 32))
        print(capability, kernel.__name__, len(made.asm["cubin"]) > 1000, ".local" in made.asm["ptx"])
"""


@pytest.mark.slow
def test_kernels_compile_for_devices_that_are_not_here(kernel: Any) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    told = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == [
        f"{capability} {name} True False" for capability in (80, 90) for name in ("forward", "slopes", "weights")
    ]


@on_cuda
def test_networks_on_cuda_give_what_they_give_on_the_cpu() -> None:
    assert backend("cuda").name == "triton", backend("cuda").reason
    model = KAN([30, 20, 3], seed=0)
    x = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    expected = model(x)
    expected.square().sum().backward()
    there = model.copy().to("cuda")
    there.zero_grad()
    found = there(x.cuda())
    found.square().sum().backward()
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(there.parameters(), model.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad.cpu(), theirs.grad, rtol=1e-3, atol=1e-4)
