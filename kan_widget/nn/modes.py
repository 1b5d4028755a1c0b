"""Whether somebody looks at single operations, so that there have to be some."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

# What torch's own functions of these kinds ask; they take several times as long, and this is asked at every layer.
in_transform = torch._C._are_functorch_transforms_active
tracing_state = torch._C._get_tracing_state
count_modes = torch._C._len_torch_dispatch_stack
is_batched = torch._C._functorch.is_legacy_batchedtensor


def wants_operations() -> bool:
    """Whether torch's own operations are wanted, all of them, and no function that hides what it does.

    So it is for ``torch.compile`` and ``torch.export``, inside ``torch.func`` transforms, ``torch.jit.trace``,
    ``make_fx`` and other modes that see each operation, and in forward-mode differentiation.

    Example:
        >>> wants_operations()
        False
        >>> torch.func.vmap(lambda x: x * wants_operations())(torch.ones(2))
        tensor([1., 1.])
    """
    if torch.compiler.is_compiling():  # which cannot look at the rest
        return True
    return in_transform() or count_modes() > 0 or forward_ad._current_level >= 0 or tracing_state() is not None


def wants_graph(grad: Tensor) -> bool:
    """Whether a backward pass has to be one of operations: it will be differentiated itself, or is one of many at once.

    The former is ``create_graph=True``, the latter ``is_grads_batched=True``, as in ``jacobian(..., vectorize=True)``.
    """
    return torch.is_grad_enabled() or is_batched(grad) or wants_operations()


def gradients(
    compute: Callable[[], Tensor], inputs: Sequence[Tensor | None], wanted: Sequence[bool], grad: Tensor
) -> list[Tensor | None]:
    """The gradients of what `compute` makes of `inputs` by torch's own operations, those that are wanted.

    They can be differentiated in turn if gradients are enabled.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        y = compute()
    asked = [tensor for tensor, is_wanted in zip(inputs, wanted, strict=True) if is_wanted and tensor is not None]
    found = iter(torch.autograd.grad(y, asked, grad, create_graph=again))
    return [next(found) if is_wanted else None for is_wanted in wanted]
