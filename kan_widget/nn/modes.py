"""Whether somebody looks at single operations, so that there have to be some."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

# What torch's own functions of these kinds ask; they take several times as long, and this is asked at every layer.
in_transform = torch._C._are_functorch_transforms_active
tracing_state = torch._C._get_tracing_state
count_modes = torch._C._len_torch_dispatch_stack


def wants_operations() -> bool:
    """Whether torch's own operations are wanted, all of them, and no function that hides what it does.

    So it is inside ``torch.func`` transforms, ``torch.jit.trace``, ``make_fx`` and other modes that see each operation,
    and in forward-mode differentiation. What ``torch.compile`` traces is asked for elsewhere: it cannot look in here.

    Example:
        >>> wants_operations()
        False
        >>> torch.func.vmap(lambda x: x * wants_operations())(torch.ones(2))
        tensor([1., 1.])
    """
    return in_transform() or count_modes() > 0 or forward_ad._current_level >= 0 or tracing_state() is not None
