"""The KAN that users meet: a network that also speaks pykan's names for pruning, scoring and plotting."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .core.scores import score, trace_back
from .core.topology import Edge, Node, Topology
from .core.trace import Trace
from .nn.compaction import extract
from .nn.network import Network, check_names
from .pykan import translated, way_out
from .session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from typing_extensions import Self

METRICS = ("backward", "forward_n", "forward_u")

# Properties that are worked out on the data of the last `fit`.
_MEASURED = ("feature_score", "node_scores", "edge_scores")


class NoDataError(ValueError, AttributeError):
    """A model that knows no data was asked for what needs them; to `hasattr` it lacks the attribute."""


class KAN(Network):
    """A Kolmogorov-Arnold network with pykan's names: a B-spline plus a SiLU on every edge.

    Everything that needs data (`prune`, `attribute`, `plot`, ...) takes ``data=``; left out, it uses the training
    inputs of the last `fit`.

    Args:
        width: Nodes in each node layer, inputs first: ``[2, 5, 1]``.
        grid: Number of grid intervals of every spline.
        k: Degree of the splines, at least 1.
        seed: Of the initial parameters and of the batches of `fit`.
        grid_range: First and last knot of the initial grid.
        grid_eps: Where `update_grid` puts knots: 0 at quantiles of the data, 1 evenly.
        noise_scale: Size of the initial splines.
        base: Function beside the spline: ``"silu"``, ``"identity"`` or ``"zero"``.
        dtype: Floating type of all parameters; torch's default when None.
        device: Where the parameters are put.

    Example:
        >>> from kan_widget import KAN, create_dataset
        >>> data = create_dataset(lambda x: x[:, [0]] ** 2 + x[:, [1]], n_var=2)
        >>> model = KAN(width=[2, 5, 1], grid=5, k=3, seed=0)
        >>> result = model.fit(data, steps=10, lamb=0.01, progress=False)
        >>> smaller = model.prune(threshold=0.02)
        >>> smaller.width[1] <= 5
        True
    """

    if not TYPE_CHECKING:  # checkers and editors read the constructor of Network

        @functools.wraps(Network.__init__)
        def __init__(self, *args, **options):
            super().__init__(*args, **translated(options))

    def __getattr__(self, name: str) -> Any:
        if name in _MEASURED:  # torch would say that there is no such attribute
            self._given(None)
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            said = way_out(name)
            if said is None:
                raise
            raise AttributeError(said) from error

    def speed(self, compile: bool = False) -> Self:
        """The model itself: nothing here need be switched off (pykan's name); compiled by torch if asked for."""
        return torch.compile(self) if compile else self  # type: ignore[return-value]

    def train(self, mode: Any = True, **options: Any) -> Any:
        """Set training mode with a bool, as for any torch module; with a dataset, `fit` (pykan 0.0.x's name for it).

        Returns:
            The model for a bool, the result of `fit` for a dataset.
        """
        if isinstance(mode, bool) and not options:
            return super().train(mode)
        return self.fit(mode, **options)

    # Scores

    def attribute(
        self,
        l: int | None = None,  # noqa: E741
        i: int | None = None,
        out_score: Any = None,
        *,
        data: Any = None,
    ) -> Tensor:
        """Attribution of the outputs, or of the nodes of one layer, to the inputs.

        Args:
            l: Node layer to explain; the outputs together when left out.
            i: One node of that layer.
            out_score: Weights of the explained nodes, ``(n,)``. When left out: equal for the outputs, their own
                attribution for a layer ``l``.
            data: What to measure on.

        Returns:
            Scores of the inputs: ``(width[0],)``, or ``(n, width[0])`` for all nodes of layer ``l``.

        Raises:
            ValueError: If there is no such layer or node, or no data.

        Source:
            pykan 0.2.8, ``MultKAN.attribute``.
        """
        if l is None and i is not None:
            raise ValueError("i names a node of layer l; give l as well")
        trace = self._trace(data)
        if l is None:
            if out_score is None:
                return self._tensor(score(trace, "attribution").nodes[0])
            return self._tensor(trace_back(trace, np.diag(self._weights(out_score, self.depth)))[1][0].mean(axis=0))
        if not 1 <= l <= self.depth:
            raise ValueError(f"l must be a node layer 1..{self.depth}; got {l}")
        shares = score(trace, "attribution").nodes[l] if out_score is None else self._weights(out_score, l)
        inputs = self._tensor(trace_back(trace, np.diag(shares), l)[1][0])
        if i is None:
            return inputs
        if not 0 <= i < self.width[l]:
            raise ValueError(f"i must be a node 0..{self.width[l] - 1} of layer {l}; got {i}")
        return inputs[i]

    @property
    def feature_score(self) -> Tensor:
        """Attribution of the outputs to each input, ``(width[0],)``, on the data of the last `fit`."""
        return self.attribute()

    @property
    def node_scores(self) -> list[Tensor]:
        """Attribution of the outputs to the nodes of each layer, inputs first."""
        return [self._tensor(nodes) for nodes in score(self._trace(None), "attribution").nodes]

    @property
    def edge_scores(self) -> list[Tensor]:
        """Attribution of the outputs to the edges of each layer, ``(out, in)``."""
        return [self._tensor(edges) for edges in score(self._trace(None), "attribution").edges]

    # Pruning into a new model

    def prune(
        self,
        threshold: float = 1e-2,
        mode: str = "auto",
        active_neurons_id: Sequence[Sequence[int]] | None = None,
        *,
        node_th: float | None = None,
        edge_th: float | None = None,
        data: Any = None,
        compensate: str = "mean",
    ) -> Self:
        """A smaller model without the hidden nodes that matter least; this one is left bit-identical.

        A hidden node stays when both its largest incoming and its largest outgoing L1 (mean absolute value over the
        data) are above `threshold`. What the others had added on average stays as a constant, so the function is kept.

        Args:
            threshold: Of the L1, in units of the activations.
            mode: ``"auto"``, or ``"manual"`` to name the nodes that stay.
            active_neurons_id: For ``"manual"``: indices of the nodes that stay, a list per node layer
                (``[[0, 1], [2], [0]]``; inputs and outputs are not pruned) or a list per hidden layer (``[[2]]``).
            node_th: With `edge_th`, pykan 0.2's rule instead: `prune_node` and then `prune_edge` by attribution.
            edge_th: See `node_th`.
            data: What to measure on.
            compensate: ``"mean"``, or ``"none"`` to drop the means, as pykan does.

        Returns:
            The new model, with the same inputs and outputs.

        Raises:
            ValueError: If an option cannot be used, nothing would be left of a layer, or there are no data.
        """
        if node_th is not None or edge_th is not None:
            pruned = self.prune_node(1e-2 if node_th is None else node_th, data=data, compensate=compensate)
            pruned.prune_edge(3e-2 if edge_th is None else edge_th, data=data, compensate=compensate)
            return pruned
        if mode == "manual" or active_neurons_id is not None:
            return self._keep_nodes(self._named(active_neurons_id, mode), data, compensate)
        return self._keep_above(threshold, "l1", "L1", mode, data, compensate)

    def prune_node(
        self,
        threshold: float = 1e-2,
        mode: str = "auto",
        active_neurons_id: Sequence[Sequence[int]] | None = None,
        *,
        data: Any = None,
        compensate: str = "mean",
    ) -> Self:
        """As `prune`, by the nodes' attribution instead of their L1 (pykan 0.2's rule)."""
        if mode == "manual" or active_neurons_id is not None:
            return self._keep_nodes(self._named(active_neurons_id, mode), data, compensate)
        return self._keep_above(threshold, "attribution", "attribution", mode, data, compensate)

    def prune_input(
        self,
        threshold: float = 1e-2,
        active_inputs: Sequence[int] | None = None,
        *,
        data: Any = None,
        compensate: str = "mean",
    ) -> Self:
        """A model that reads fewer inputs; data keep all their columns. This one is left bit-identical.

        Args:
            threshold: Inputs whose attribution is below it go.
            active_inputs: The input nodes that stay, instead of a threshold.
            data: What to measure on.
            compensate: ``"mean"`` or ``"none"``.
        """
        if active_inputs is None:
            scores = self.attribute(data=data)  # in the model's dtype, so that one of them can be the threshold
            active_inputs = torch.nonzero(scores >= threshold).squeeze(1).tolist()
            if not active_inputs:
                raise ValueError(f"threshold {threshold} would remove every input; the largest has {scores.max():.3g}")
        keep = [sorted({_index(i, self.width[0], "input") for i in active_inputs})]
        return self._keep_nodes([*keep, *(list(range(n)) for n in self.width[1:])], data, compensate)

    # Pruning in place, reversible: masks, not weights

    def prune_edge(self, threshold: float = 3e-2, *, data: Any = None, compensate: str = "mean") -> None:
        """Prune edges whose attribution is below `threshold`, in place.

        Raises:
            ValueError: If an output would lose its last input, or there are no data; then nothing has changed.
        """
        session = self._session(data, compensate, criterion="attribution")
        session.set_threshold(threshold)

    def remove_edge(self, l: int, i: int, j: int, *, data: Any = None, compensate: str = "mean") -> None:  # noqa: E741
        """Prune the edge from node `i` of layer `l` to node `j` of the next, in place.

        Args:
            l: Edge layer, 0 at the inputs.
            i: Source node.
            j: Target node.
            data: What its mean is taken over.
            compensate: ``"mean"`` leaves its mean behind, ``"none"`` leaves zero and needs no data.
        """
        topology = self._topology()
        self._switch_off([topology.edge((l, i, j))], data, compensate)

    def remove_node(
        self,
        l: int,  # noqa: E741
        i: int,
        mode: str = "all",
        *,
        data: Any = None,
        compensate: str = "mean",
    ) -> None:
        """Prune the edges of node `i` of node layer `l`, in place.

        Args:
            l: Node layer, 0 for the inputs.
            i: Node.
            mode: ``"all"``, ``"up"`` for outgoing edges only or ``"down"`` for incoming ones.
            data: What means are taken over.
            compensate: ``"mean"`` or ``"none"``.
        """
        if mode not in ("all", "up", "down"):
            raise ValueError(f"mode must be 'all', 'up' or 'down'; got {mode!r}")
        topology = self._topology()
        node = topology.node((l, i))
        layers = {"all": (node.layer - 1, node.layer), "up": (node.layer,), "down": (node.layer - 1,)}[mode]
        self._switch_off([e for e in topology.edges_at(node) if e.layer in layers], data, compensate)

    # Pictures

    def plot(
        self,
        *,
        data: Any = None,
        beta: float = 3.0,
        metric: str = "backward",
        scale: float = 0.5,
        in_vars: Sequence[str] | None = None,
        out_vars: Sequence[str] | None = None,
        title: str | None = None,
        varscale: float = 1.0,
    ) -> Figure:
        """Draw the network: inputs at the bottom, a thumbnail of each edge's function over the range of its data.

        Args:
            data: What to measure on.
            beta: The larger, the darker weak edges: opacity is ``tanh(beta * score)``.
            metric: ``"backward"`` (attribution), ``"forward_u"`` (standard deviation) or ``"forward_n"`` (over that
                of the edge's input).
            scale: Size of the figure.
            in_vars: Names of the inputs; the model's own when left out.
            out_vars: Names of the outputs.
            title: Above the picture.
            varscale: Size of the names.

        Returns:
            The figure. It is pyplot's current one, so that ``plt.show()`` and ``plt.savefig()`` find it.

        Raises:
            ValueError: If an option cannot be used, or there are no data.
        """
        from .figure import draw_network

        if metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric!r}")
        names = [list(layer) for layer in self.names]
        names[0] = names[0] if in_vars is None else list(in_vars)
        names[-1] = names[-1] if out_vars is None else list(out_vars)
        check_names(names, self.width)
        trace = self._trace(data)
        if metric == "backward":
            strength = score(trace, "attribution").edges
        else:
            floor = [np.ones_like(s) if metric == "forward_u" else s + 0.1 for s in trace.input_std]
            strength = tuple(std / f for std, f in zip(trace.std, floor, strict=True))
        return draw_network(trace, strength, names, beta=beta, scale=scale, title=title, varscale=varscale)

    # How

    def _given(self, data: Any) -> Any:
        if data is None:
            data = self.data
        if data is None:
            raise NoDataError(
                "this model has not been fitted yet, so it knows no data; pass data=x (or compensate='none')"
            )
        return data

    def _session(self, data: Any, compensate: str = "mean", criterion: str = "l1") -> Session:
        return Session(self, self._given(data), compensate=compensate, criterion=criterion)

    def _trace(self, data: Any) -> Trace:
        return self._session(data).trace

    def _topology(self) -> Topology:
        return Topology(tuple(self.width), tuple(tuple(layer) for layer in self.names))

    def _tensor(self, array: Any) -> Tensor:
        return torch.as_tensor(np.array(array), dtype=self.dtype, device=self.device)

    def _weights(self, out_score: Any, layer: int) -> Any:
        weights = np.asarray(torch.as_tensor(out_score).detach().cpu().double())
        if weights.shape != (self.width[layer],):
            raise ValueError(f"out_score must be ({self.width[layer]},) here; got {weights.shape}")
        return weights

    def _switch_off(self, edges: Iterable[Edge], data: Any, compensate: str) -> None:
        if compensate == "none" and data is None:
            masks = [layer.mask.clone() for layer in self.layers]
            fills = [layer.fill.clone() for layer in self.layers]
            for layer, source, target in edges:
                masks[layer][target, source] = False
                fills[layer][target, source] = 0
            self.set_masks(masks, fills)
        else:
            self._session(data, compensate).prune(edges)

    def _named(self, ids: Sequence[Sequence[int]] | None, mode: str) -> list[list[int]]:
        """The nodes that stay, a list per node layer, from either of pykan's two forms."""
        hidden = self.depth - 1
        if mode not in ("auto", "manual"):
            raise ValueError(f"mode must be 'auto' or 'manual'; got {mode!r}")
        if ids is None or len(ids) not in (hidden, hidden + 2):
            raise ValueError(
                f"mode='manual' needs active_neurons_id: {hidden + 2} lists, one per node layer, or {hidden}, one per "
                f"hidden layer; got {'None' if ids is None else f'{len(ids)} lists'}"
            )
        chosen = list(ids) if len(ids) == hidden else list(ids)[1:-1]
        keep = [list(range(self.width[0]))]
        for layer, nodes in enumerate(chosen, start=1):
            keep.append(sorted({_index(i, self.width[layer], f"hidden layer {layer}") for i in nodes}))
            if not keep[-1]:
                raise ValueError(f"active_neurons_id leaves nothing of hidden layer {layer}")
        return [*keep, list(range(self.width[-1]))]

    def _keep_above(self, threshold: float, criterion: str, word: str, mode: str, data: Any, compensate: str) -> Self:
        if mode != "auto":
            raise ValueError(f"mode must be 'auto' or 'manual'; got {mode!r}")
        trace = self._trace(data)
        masked = trace.without_pruned()
        nodes = score(masked, criterion).nodes
        keep = [list(range(self.width[0]))]
        for layer in range(1, self.depth):
            keep.append(np.flatnonzero(nodes[layer] > threshold).tolist())
            if not keep[-1]:
                raise ValueError(
                    f"threshold {threshold} would remove every node of hidden layer {layer}; its largest {word} is "
                    f"{nodes[layer].max():.3g}"
                )
        return self._keep_nodes([*keep, list(range(self.width[-1]))], data, compensate)

    def _keep_nodes(self, keep: list[list[int]], data: Any, compensate: str) -> Self:
        twin = self.copy()
        gone = [Node(n, i) for n, nodes in enumerate(keep) for i in range(self.width[n]) if i not in nodes]
        if gone:
            Session(twin, self._given(data), compensate=compensate).prune(nodes=gone)
        return extract(twin, [torch.as_tensor(nodes, device=self.device) for nodes in keep])


def _index(value: Any, size: int, where: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"node indices must be whole numbers; got {value!r}")
    index = int(value.__index__())
    if not 0 <= index < size:
        raise ValueError(f"{where} has nodes 0..{size - 1}; got {index}")
    return index
