"""A stack of KAN layers that can be trained, measured, masked, refined and made smaller."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from . import grids, storage
from .compaction import compact
from .datasets import Data, as_data
from .layer import KANLayer
from .training import FitResult, fit
from .turns import Turns
from .whole import evaluate_whole

if TYPE_CHECKING:
    from typing_extensions import Self

    from .native.network import Stack


class Network(nn.Module):
    """A Kolmogorov-Arnold network: pykan's mathematics with arrays ``(out, in)``.

    Args:
        width: Nodes in each node layer, inputs first: ``[2, 5, 1]``.
        grid: Number of grid intervals G of every spline.
        k: Degree of the splines, at least 1.
        seed: Of the initial parameters and of the batches of `fit`; drawn from torch's global generator when None.
        grid_range: First and last knot of the initial grid.
        grid_eps: Where `update_grid` puts knots: 0 at quantiles of the data, 1 evenly, between them a blend.
        noise_scale: Size of the initial splines.
        base: Function beside the spline: ``"silu"``, ``"identity"`` or ``"zero"``.
        dtype: Floating type of all parameters; torch's default when None.
        device: Where the parameters are put.

    Attributes:
        layers: The `KANLayer` s, from the inputs up. Their parameters and buffers are public.
        names: Node names, a list per node layer.
        in_features: Columns that an input must have. After `compact` some may no longer be read.

    Raises:
        ValueError: If a size is not usable.
        TypeError: If `width` does not hold whole numbers.

    Example:
        >>> model = Network([2, 5, 1], seed=0)
        >>> model(torch.zeros(4, 2)).shape
        torch.Size([4, 1])
    """

    columns: Tensor
    layers: Sequence[KANLayer]

    def __init__(
        self,
        width: Sequence[int],
        grid: int = 5,
        k: int = 3,
        *,
        seed: int | None = None,
        grid_range: tuple[float, float] = (-1.0, 1.0),
        grid_eps: float = 0.02,
        noise_scale: float = 0.3,
        base: str = "silu",
        dtype: torch.dtype | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        super().__init__()
        sizes = _checked_width(width)
        _check_options(grid, k, grid_range, grid_eps)
        generator = torch.Generator().manual_seed(fresh_seed() if seed is None else seed)
        layers = [
            KANLayer.random(
                n_in,
                n_out,
                grid=grid,
                k=k,
                base=base,
                grid_range=(grid_range[0], grid_range[1]),
                noise_scale=noise_scale,
                generator=generator,
                dtype=dtype,
            )
            for n_in, n_out in itertools.pairwise(sizes)
        ]
        self._assemble(layers, default_names(sizes), range(sizes[0]), sizes[0], grid_eps, seed)
        self.to(device)

    @classmethod
    def from_layers(
        cls,
        layers: Iterable[KANLayer],
        *,
        names: Sequence[Sequence[str]] | None = None,
        columns: Sequence[int] | None = None,
        in_features: int | None = None,
        grid_eps: float = 0.02,
        seed: int | None = None,
    ) -> Self:
        """Put given layers together.

        Args:
            layers: From the inputs up; each takes as many inputs as the one before has outputs.
            names: Node names, a list per node layer; ``x1``, ``h1``, ``y`` and so on when left out.
            columns: Which columns of the data the input nodes read; all in order when left out.
            in_features: How many columns the data have.
            grid_eps: As in the constructor.
            seed: As in the constructor.

        Returns:
            The network, holding these very layers.

        Raises:
            ValueError: If sizes do not fit each other.
        """
        stack = list(layers)
        for below, above in itertools.pairwise(stack):
            if below.out_features != above.in_features:
                raise ValueError(f"a layer with {below.out_features} outputs cannot feed {above.in_features} inputs")
        sizes = [stack[0].in_features, *(layer.out_features for layer in stack)]
        names = default_names(sizes) if names is None else names
        columns = range(sizes[0]) if columns is None else columns
        network = cls.__new__(cls)
        nn.Module.__init__(network)
        network._assemble(stack, names, columns, in_features or sizes[0], grid_eps, seed)
        return network

    def _assemble(
        self,
        layers: Sequence[KANLayer],
        names: Sequence[Sequence[str]],
        columns: Sequence[int],
        in_features: int,
        grid_eps: float,
        seed: int | None,
    ) -> None:
        self.layers = nn.ModuleList(layers)  # type: ignore[assignment]
        self.names = check_names(names, self.width)
        self.in_features = in_features
        self.grid_eps = grid_eps
        self.seed = seed
        self.data: Data | None = None
        self.turns = Turns()
        self.stack: Stack | None = None
        chosen = torch.as_tensor(list(columns), dtype=torch.long)
        if len(chosen) != self.width[0] or len(set(chosen.tolist())) != len(chosen):
            raise ValueError(f"columns must name {self.width[0]} different columns; got {chosen.tolist()}")
        if not all(0 <= c < in_features for c in chosen.tolist()):
            raise ValueError(f"columns must lie in 0..{in_features - 1}; got {chosen.tolist()}")
        self.register_buffer("columns", chosen)
        self._reads_all = chosen.tolist() == list(range(in_features))

    @property
    def width(self) -> list[int]:
        """Nodes in each node layer, inputs first."""
        return [self.layers[0].in_features, *(layer.out_features for layer in self.layers)]

    @property
    def in_vars(self) -> list[str]:
        """Names of the inputs; assign a list to name them, say after the columns of a table."""
        return list(self.names[0])

    @in_vars.setter
    def in_vars(self, names: Sequence[str]) -> None:
        self.names = check_names([list(names), *self.names[1:]], self.width)

    @property
    def out_vars(self) -> list[str]:
        """Names of the outputs; assign a list to name them."""
        return list(self.names[-1])

    @out_vars.setter
    def out_vars(self, names: Sequence[str]) -> None:
        self.names = check_names([*self.names[:-1], list(names)], self.width)

    @property
    def depth(self) -> int:
        """Number of edge layers."""
        return len(self.layers)

    @property
    def grid(self) -> int:
        """Number of grid intervals G."""
        return int(self.layers[0].grid_size)

    @property
    def k(self) -> int:
        """Degree of the splines."""
        return int(self.layers[0].k)

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the parameters."""
        return self.layers[0].coef.dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.layers[0].coef.device

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: Points, ``(..., in_features)``, on the model's device and in its dtype.

        Returns:
            ``(..., outputs)``.

        Raises:
            ValueError: If `x` has another number of columns.
            TypeError: If `x` is no tensor, or of another dtype than the model.
        """
        if not torch.compiler.is_compiling():
            with self.turns.lock:  # so that no edit from another thread falls between two layers
                y = evaluate_whole(self, x)
            if y is not None:
                return y
        if not isinstance(x, Tensor):
            raise TypeError(
                f"x must be a tensor; got {type(x).__name__}. torch.as_tensor(x, dtype=model.dtype) makes one"
            )
        if x.dtype != self.dtype:
            raise TypeError(f"x is {x.dtype} and the model {self.dtype}; give x.to(model.dtype)")
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ValueError(f"x must have {self.in_features} columns; got shape {tuple(x.shape)}")
        if torch.compiler.is_compiling():
            return self._forward(x)
        with self.turns.lock:
            return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        values = self.read(x.reshape(-1, self.in_features)).T
        for layer in self.layers:
            values = layer.transform(values)
        return values.T.reshape(*x.shape[:-1], self.width[-1])

    def input_nodes(self, x: Tensor) -> Tensor:
        """What the input nodes read of ``(..., in_features)`` points, feature-major: ``(width[0], rows)``."""
        rows = x.reshape(-1, self.in_features)
        most = 2 * len(self.columns) > self.in_features  # then they are turned faster with the rest
        nodes = rows.T.contiguous() if most else rows.T
        return nodes if self._reads_all else nodes.index_select(0, self.columns)

    def read(self, x: Tensor) -> Tensor:
        """What the input nodes read of ``(rows, in_features)`` points: ``(rows, width[0])``."""
        return x if self._reads_all else x.index_select(1, self.columns)

    def coerce(self, data: Any, *, need_labels: bool = False, check_labels: bool = True) -> Data:
        """Check `data` against this network and convert them; see `as_data`."""
        return as_data(
            data,
            in_features=self.in_features,
            out_features=self.width[-1],
            dtype=self.dtype,
            device=self.device,
            need_labels=need_labels,
            check_labels=check_labels,
        )

    def fit(self, dataset: Any, **options: Any) -> FitResult:
        """Train in place; see `kan_widget.nn.training.fit` for the options and the objective.

        Example:
            >>> model = Network([1, 1], seed=0)
            >>> x = torch.linspace(-1, 1, 50)[:, None]
            >>> result = model.fit((x, x**2), steps=5, progress=False)
            >>> result.train_loss[-1] < result.train_loss[0]
            True
        """
        return fit(self, dataset, **options)

    def update_grid(self, data: Any) -> Self:
        """Move the knots to where the data are and keep the curves, in place.

        Args:
            data: Data or inputs ``(rows, in_features)``.

        Returns:
            This network. An input whose data cannot give strictly increasing knots, such as a constant one, keeps its
            knots.
        """
        grids.update_grid(self, self.coerce(data).train_input)
        return self

    def refine(self, grid: int) -> Self:
        """A network with another number of grid intervals and the same curves on the grid; this one is left alone.

        Where `grid` is a multiple of the present number the curves are the same to rounding, since the new knots
        contain the old ones. Coefficients that were pruned alone stay so only where `grid` is the present number:
        another grid has other coefficients, all of them free, and a `RuntimeWarning` says so.
        """
        layers = [grids.refined(layer, grid) for layer in self.layers]
        ends = [
            old.coef_mask is not None and new.coef_mask is None for old, new in zip(self.layers, layers, strict=True)
        ]
        if any(ends):
            warnings.warn(
                "the new grid has other coefficients, and all of them are free: those that were pruned one by one "
                "are not pruned any more, while pruned edges are. Refine first and prune coefficients then",
                RuntimeWarning,
                stacklevel=2,
            )
        return self.rebuilt(layers)

    def count_nonzero(self) -> int:
        """How many numbers the function is made of: not zero, and not pruned, alone or with their edge.

        Example:
            >>> model = Network([2, 1], grid=5, k=3, seed=0)  # 2 edges of 8 coefficients and 2 scales, a bias of 0
            >>> model.count_nonzero()
            20
        """
        return sum(layer.count_nonzero() for layer in self.layers)

    def compact(self) -> Self:
        """A network without dead nodes and edges that computes the same function; this one is left alone.

        Constants are folded into biases. Input nodes that nothing reads are dropped, but data keep their columns. Edges
        that are pruned between nodes that stay are emptied, and take no room in a saved file.

        Raises:
            ValueError: If a layer would be left without nodes.
        """
        return compact(self)

    def rebuilt(
        self,
        layers: Iterable[KANLayer],
        *,
        names: Sequence[Sequence[str]] | None = None,
        columns: Sequence[int] | None = None,
    ) -> Self:
        """A network of other layers, one for each of these: what is trained, data and names carry over."""
        stack = list(layers)
        for old, new in zip(self.layers, stack, strict=True):
            for name, parameter in old.named_parameters():
                new.get_parameter(name).requires_grad_(parameter.requires_grad)
        network = type(self).from_layers(
            stack,
            names=self.names if names is None else names,
            columns=self.columns.tolist() if columns is None else columns,
            in_features=self.in_features,
            grid_eps=self.grid_eps,
            seed=self.seed,
        )
        network.data = self.data
        return network.to(self.device).train(self.training)

    def copy(self) -> Self:
        """An independent copy, trained state, masks and names included."""
        return copy.deepcopy(self)

    @torch.no_grad()
    def set_masks(self, masks: Sequence[Any], fills: Sequence[Any] | None = None) -> None:
        """Switch edges on and off, in place and reversibly: weights stay.

        Args:
            masks: Per layer ``(out, in)`` bool; False prunes.
            fills: Per layer ``(out, in)``: the constants that pruned edges leave; kept as they are when left out.

        Raises:
            ValueError: If a shape does not fit; then nothing has changed.
            TypeError: If a mask does not hold bool.
        """
        new_masks = self._per_edge("masks", masks, torch.bool)
        new_fills = (
            [layer.fill for layer in self.layers] if fills is None else self._per_edge("fills", fills, self.dtype)
        )

        def write() -> None:
            for layer, mask, fill in zip(self.layers, new_masks, new_fills, strict=True):
                layer.mask.copy_(mask)
                layer.fill.copy_(fill)

        self.turns.take(write)

    def _per_edge(self, name: str, arrays: Sequence[Any], dtype: torch.dtype) -> list[Tensor]:
        if len(arrays) != self.depth:
            raise ValueError(f"{name} must have one array for each of {self.depth} layers; got {len(arrays)}")
        tensors = [
            array.to(self.device) if isinstance(array, Tensor) else torch.tensor(array, device=self.device)
            for array in arrays
        ]
        for index, (tensor, layer) in enumerate(zip(tensors, self.layers, strict=True)):
            if tensor.shape != layer.mask.shape:
                raise ValueError(f"{name}[{index}] must be {tuple(layer.mask.shape)}; got {tuple(tensor.shape)}")
            if dtype == torch.bool and tensor.dtype != torch.bool:
                raise TypeError(f"{name}[{index}] must hold bool; got {tensor.dtype}")
        return [tensor.to(dtype) for tensor in tensors]

    def save(self, path: str | Path) -> None:
        """Write everything to a safetensors file: parameters, grids, masks, fills, names. No pickle.

        Args:
            path: Where to write; replaced whole or not at all.
        """
        storage.save(self, path)

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device | None = None) -> Self:
        """Read a network that `save` wrote, bit for bit.

        Args:
            path: File to read.
            device: Where to put it; the CPU when left out.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a whole file of this kind.
        """
        return storage.load(cls, path, device)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "turns": None, "data": None, "stack": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.turns = Turns()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        twin.data = self.data
        return twin

    def extra_repr(self) -> str:
        """Sizes for ``print(model)``."""
        edges = sum(int(layer.mask.sum()) for layer in self.layers)
        total = sum(layer.mask.numel() for layer in self.layers)
        parameters = sum(p.numel() for p in self.parameters())
        return f"width={self.width}, grid={self.grid}, k={self.k}, edges {edges} / {total}, parameters {parameters}"


def fresh_seed() -> int:
    """A seed drawn from torch's global generator."""
    return int(torch.randint(2**31, ()).item())


def default_names(width: Sequence[int]) -> list[list[str]]:
    """Node names of a network: ``x1, x2``; ``h1`` or, with several hidden layers, ``h1.1``; ``y`` or ``y1, y2``."""
    hidden = len(width) - 2
    names = [[f"x{i + 1}" for i in range(width[0])]]
    for layer in range(1, len(width) - 1):
        prefix = "h" if hidden == 1 else f"h{layer}."
        names.append([f"{prefix}{i + 1}" for i in range(width[layer])])
    outputs = width[-1]
    return [*names, ["y"] if outputs == 1 else [f"y{i + 1}" for i in range(outputs)]]


def check_names(names: Sequence[Sequence[str]], width: Sequence[int]) -> list[list[str]]:
    """Copy of `names`; `ValueError` unless there is one for each node."""
    if [len(layer) for layer in names] != list(width):
        raise ValueError(f"names must be lists of {list(width)} names; got {[len(layer) for layer in names]}")
    return [[str(name) for name in layer] for layer in names]


def _checked_width(width: Sequence[Any]) -> list[int]:
    sizes: list[int] = []
    for size in width:
        if isinstance(size, (list, tuple)) and len(size) == 2 and size[1] == 0:
            size = size[0]  # pykan writes [nodes, multiplication nodes]
        if isinstance(size, (list, tuple)):
            raise ValueError(f"multiplication nodes are not supported; width must hold whole numbers, got {size}")
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            raise TypeError(f"width must hold whole numbers; got {size!r}")
        sizes.append(size.__index__())
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"width needs at least two layers of at least one node; got {list(width)}")
    return sizes


def _check_options(grid: int, k: int, grid_range: Sequence[float], grid_eps: float) -> None:
    for name, value in (("grid, the number of intervals,", grid), ("k, the degree of the splines,", k)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be a whole number; got {value!r}")
    if grid < 1:
        raise ValueError(f"grid, the number of intervals, must be at least 1; got {grid}")
    if k < 1:
        raise ValueError(f"k, the degree of the splines, must be at least 1; got {k}")
    if len(grid_range) != 2 or not grid_range[0] < grid_range[1]:
        raise ValueError(f"grid_range must be (low, high) with low < high; got {grid_range}")
    if not 0 <= grid_eps <= 1:
        raise ValueError(f"grid_eps must lie between 0 and 1; got {grid_eps}")
