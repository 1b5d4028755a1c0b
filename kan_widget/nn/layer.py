"""One KAN layer: a learnable function on every edge from its inputs to its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .coefficients import fit_masked
from .modes import wants_operations
from .spline import BASES, Edges, Knots, edge_weights, evaluate, evaluate_natively, extend_grid, features, fit_coef


class KANLayer(nn.Module):
    """Sums learnable one-variable functions: ``y_j = bias_j + sum_i where(mask_ji, phi_ji(x_i), fill_ji)``.

    ``phi_ji(x) = scale_base_ji * base(x) + scale_spline_ji * sum_m coef_jim B_m(x)``. All arrays are ``(out, in)``.
    Outside the extended knots the spline is zero and only the base function is left, as in pykan.

    Attributes:
        grid: Buffer. Extended knots of each input, ``(in, G + 1 + 2k)``, in the units of the input.
        coef: Parameter, ``(out, in, G + k)``.
        scale_base: Parameter, ``(out, in)``.
        scale_spline: Parameter, ``(out, in)``.
        bias: Parameter, ``(out,)``; zero at first and not trained, like pykan's, unless
            ``bias.requires_grad_()`` is called.
        mask: Buffer of bool, ``(out, in)``. False where the edge is pruned.
        fill: Buffer, ``(out, in)``. The constant that a pruned edge adds to its target.
        coef_mask: Buffer of bool, ``(out, in, G + k)``, or None. False where a single coefficient is pruned: it acts as
            zero and does not move in training. None where no coefficient is pruned alone, and then it costs nothing.
        k: Degree of the spline.
        base: Name of the base function: ``"silu"``, ``"identity"`` or ``"zero"``.

    Args:
        grid: As the attribute; strictly increasing along each row.
        coef: As the attribute.
        scale_base: As the attribute.
        scale_spline: As the attribute.
        k: Degree of the spline, at least 1.
        base: Name of the base function.
        bias: As the attribute; zeros when left out.
        mask: As the attribute; all True when left out.
        fill: As the attribute; zeros when left out.
        coef_mask: As the attribute; one that prunes nothing counts as None.

    Raises:
        ValueError: If shapes disagree, knots do not increase, ``k < 1`` or `base` is unknown.

    Example:
        >>> layer = KANLayer.random(2, 5, grid=3, k=3, generator=torch.Generator().manual_seed(0))
        >>> layer(torch.zeros(4, 2)).shape
        torch.Size([4, 5])
    """

    grid: Tensor
    mask: Tensor
    fill: Tensor
    coef_mask: Tensor | None

    def __init__(
        self,
        grid: Tensor,
        coef: Tensor,
        scale_base: Tensor,
        scale_spline: Tensor,
        *,
        k: int,
        base: str = "silu",
        bias: Tensor | None = None,
        mask: Tensor | None = None,
        fill: Tensor | None = None,
        coef_mask: Tensor | None = None,
    ) -> None:
        super().__init__()
        if base not in BASES:
            raise ValueError(f"base must be one of {', '.join(BASES)}; got {base!r}")
        out_features, in_features = coef.shape[:2]
        check_grid(grid, in_features, k)
        bias = coef.new_zeros(out_features) if bias is None else bias
        mask = torch.ones_like(scale_base, dtype=torch.bool) if mask is None else mask
        fill = torch.zeros_like(scale_base) if fill is None else fill
        edges = (out_features, in_features)
        on = torch.ones_like(coef, dtype=torch.bool) if coef_mask is None else coef_mask
        expected = {
            "coef": (coef, (*edges, grid.shape[1] - k - 1)),
            "coef_mask": (on, tuple(coef.shape)),
            "scale_base": (scale_base, edges),
            "scale_spline": (scale_spline, edges),
            "bias": (bias, (out_features,)),
            "mask": (mask, edges),
            "fill": (fill, edges),
        }
        for name, (tensor, shape) in expected.items():
            if tensor.shape != shape:
                raise ValueError(f"{name} must be {shape} here; got {tuple(tensor.shape)}")
        for name, tensor in (("mask", mask), ("coef_mask", on)):
            if tensor.dtype != torch.bool:
                raise ValueError(f"{name} must hold bool; got {tensor.dtype}")
        self.k, self.base = k, base
        self.coef = nn.Parameter(coef)
        self.scale_base = nn.Parameter(scale_base)
        self.scale_spline = nn.Parameter(scale_spline)
        self.bias = nn.Parameter(bias, requires_grad=False)
        self.register_buffer("grid", grid)
        self.register_buffer("mask", mask)
        self.register_buffer("fill", fill)
        self.register_buffer("coef_mask", None if bool(on.all()) else on)
        self._knots: tuple[tuple[object, ...], Tensor, Knots] | None = None

    @classmethod
    def random(
        cls,
        in_features: int,
        out_features: int,
        *,
        grid: int,
        k: int,
        base: str = "silu",
        grid_range: tuple[float, float] = (-1.0, 1.0),
        noise_scale: float = 0.3,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> KANLayer:
        """A layer as pykan 0.2.8 starts it: splines of small noise, base scales ``U(-1, 1) / sqrt(in)``.

        Drawn and solved in float64 on the CPU, so that a seed means the same layer on every device.

        Args:
            in_features: Number of inputs.
            out_features: Number of outputs.
            grid: Number of grid intervals G.
            k: Degree of the splines.
            base: Name of the base function.
            grid_range: First and last knot of the grid.
            noise_scale: The spline noise is ``U(-1/2, 1/2) * noise_scale / G`` at the knots.
            generator: Source of randomness; torch's global one when left out.
            dtype: Of parameters and knots; torch's default when left out.

        Returns:
            The layer, on the CPU.
        """
        dtype = dtype or torch.get_default_dtype()

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        points = torch.linspace(*grid_range, grid + 1, dtype=torch.float64).repeat(in_features, 1)
        knots = extend_grid(points, k)
        noise = (uniform(in_features, out_features, grid + 1) - 0.5) * noise_scale / grid
        values = features(points, Knots.of(knots, k), "zero")[:-1].transpose(0, 1)
        scale = in_features**-0.5
        return cls(
            knots.to(dtype),
            fit_coef(values, noise).to(dtype),
            ((2 * uniform(out_features, in_features) - 1) * scale).to(dtype),
            torch.full((out_features, in_features), scale, dtype=dtype),
            k=k,
            base=base,
        )

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return int(self.coef.shape[1])

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return int(self.coef.shape[0])

    @property
    def grid_size(self) -> int:
        """Number of grid intervals G."""
        return int(self.coef.shape[2]) - self.k

    @property
    def knots(self) -> Knots:
        """The knots prepared for evaluation; made again only when `grid` has changed."""
        grid = self.grid
        if wants_operations():
            return Knots.of(grid, self.k)
        version = None if grid.is_inference() else grid._version
        key = (grid.data_ptr(), version, grid.dtype, grid.device, grid.shape, self.k)
        if self._knots is None or self._knots[0] != key or version is None or self._was_rewritten(self._knots[1]):
            self._knots = (key, grid.clone(), Knots.of(grid, self.k))
        return self._knots[2]

    def _was_rewritten(self, known: Tensor) -> bool:
        """Whether `grid` was changed without a new version: through ``grid.data``, or by another process."""
        if self.grid.device.type != "cpu":
            return False
        return not torch.equal(self.grid, known)

    def masked_coef(self) -> Tensor:
        """The coefficients as they act: zero where one is pruned alone; `coef` itself where none is."""
        return self.coef if self.coef_mask is None else torch.where(self.coef_mask, self.coef, 0)

    def weight(self, *, masked: bool = True) -> Tensor:
        """What each edge takes of each feature, ``(out, G + k + 1, in)``; zero for pruned edges if `masked`."""
        mask = self.mask if masked else torch.ones_like(self.mask)
        return edge_weights(self.masked_coef(), self.scale_spline, self.scale_base, mask)

    def edges(self) -> Edges:
        """What the edges are made of, the coefficients as they act."""
        return Edges(self.masked_coef(), self.scale_spline, self.scale_base, self.mask, self.bias, self.fill)

    def offset(self) -> Tensor:
        """The constant part of each output: its bias and what its pruned edges leave behind, ``(out, 1)``."""
        return (self.bias + self.fill.masked_fill(self.mask, 0).sum(1)).unsqueeze(1)

    def transform(self, x: Tensor) -> Tensor:
        """The layer on feature-major points: ``(in, batch)`` to ``(out, batch)``."""
        y = evaluate_natively(x, self.edges(), self.knots, self.base)
        return evaluate(x, self.weight(), self.knots, self.base) + self.offset() if y is None else y

    def forward(self, x: Tensor) -> Tensor:
        """The layer on points ``(batch, in)``; gives ``(batch, out)``."""
        return self.transform(x.T).T

    @torch.no_grad()
    def edge_values(self, x: Tensor) -> Tensor:
        """Every edge's own function, pruned or not, at feature-major points ``(in, batch)``: ``(out, in, batch)``."""
        values = features(x, self.knots, self.base).transpose(0, 1)
        return torch.matmul(self.weight(masked=False).permute(2, 0, 1), values).transpose(0, 1)

    @torch.no_grad()
    def coef_on(self, grid: Tensor, samples: Tensor) -> Tensor:
        """Coefficients on other knots that keep the spline curves at `samples`, in the least-squares sense.

        Those that are pruned alone stay zero where there are as many as before; among others none is pruned.

        Args:
            grid: Extended knots, ``(in, G' + 1 + 2k)``; the number of intervals may differ.
            samples: Feature-major points, ``(in, samples)``.

        Returns:
            ``(out, in, G' + k)``.

        Raises:
            ValueError: If the knots do not increase or are of the wrong shape.
        """
        check_grid(grid, self.in_features, self.k)
        old = features(samples, self.knots, "zero")[:-1].transpose(0, 1)
        new = features(samples, Knots.of(grid, self.k), "zero")[:-1].transpose(0, 1)
        curves = torch.matmul(self.masked_coef().transpose(0, 1), old)
        coef = fit_coef(new, curves)
        if self.coef_mask is not None and coef.shape == self.coef_mask.shape:
            fit_masked(coef, new, curves, self.coef_mask)
        return coef

    @torch.no_grad()
    def count_nonzero(self) -> int:
        """How many numbers act: are not zero, and neither pruned nor beside a pruned edge or an empty spline.

        What pruned edges leave behind counts with the bias of their target.
        """
        coef = self.masked_coef().ne(0) & self.mask.unsqueeze(-1)
        scale_spline = self.scale_spline.ne(0) & coef.any(-1)
        scale_base = self.scale_base.ne(0) & self.mask & (self.base != "zero")
        return int(coef.sum() + scale_spline.sum() + scale_base.sum() + self.offset().ne(0).sum())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take or drop the mask of coefficients with the coefficients: it is there only where something is pruned."""
        if f"{prefix}coef" in state_dict:
            masked = f"{prefix}coef_mask" in state_dict
            self.coef_mask = torch.ones_like(self.coef, dtype=torch.bool) if masked else None
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        """Sizes for ``print(model)``."""
        sizes = f"{self.in_features} -> {self.out_features}, grid={self.grid_size}, k={self.k}"
        edges = f"edges {int(self.mask.sum())} / {self.mask.numel()}"
        if self.coef_mask is None:
            return f"{sizes}, {edges}"
        return f"{sizes}, {edges}, coefficients {int(self.coef_mask.sum())} / {self.coef_mask.numel()}"


def check_grid(grid: Tensor, in_features: int, k: int) -> None:
    """Raise `ValueError` unless `grid` is ``(in_features, >= 2k + 2)`` strictly increasing knots and ``k >= 1``."""
    if k < 1:
        raise ValueError(f"k, the degree of the splines, must be at least 1; got {k}")
    if grid.ndim != 2 or grid.shape[0] != in_features or grid.shape[1] < 2 * k + 2:
        raise ValueError(f"grid must be ({in_features}, at least {2 * k + 2}) knots here; got {tuple(grid.shape)}")
    if not bool((grid.diff(dim=1) > 0).all()):
        raise ValueError("knots must be strictly increasing along each row of grid")
