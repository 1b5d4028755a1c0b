"""The widget: a session's state as traits, the browser's wishes as commands on the session."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..capture import Metrics
from ..core.plan import COMPENSATIONS, STRUCTURES
from ..core.scores import check_criterion
from ..core.trace import Trace
from ..session import Session
from . import export, questions, watch, wire
from .errands import Errands
from .foresight import Foresight, foresee
from .live import Learning
from .trainer import Trainer

log = logging.getLogger(__name__)

_ESM = export.STATIC / "widget.js"

# Traits that every widget has for its host.
_HOST = {"comm", "layout", "tabbable", "tooltip"}

# What a front end may write; all else it may only read, whatever it sends.
_WRITABLE = {"threshold", "selection", "criterion", "structure", "compensate", "height", "theme", "orientation"}


def _front_end() -> str:
    if not _ESM.is_file():
        raise ImportError(
            f"the front end is not built: {_ESM} is missing. In a checkout, run `npm ci && npm run build` in js/"
        )
    return _ESM.read_text(encoding="utf-8")


class _Rule(traitlets.Float[float, float]):
    """A threshold for all layers: where they have their own, setting it to what it reads already is news too."""

    def set(self, obj: Any, value: Any) -> None:
        """Set it, and tell the observers if that changes a layer."""
        before = self.get(obj)
        super().set(obj, value)
        now = self.get(obj)
        if now == before and not obj._publishing and obj.session.thresholds is not None:
            obj._notify_trait(self.name, before, now)


class KANWidget(Learning, anywidget.AnyWidget):
    """Draws a KAN in a notebook and prunes it by slider and by click.

    The model is edited in place and reversibly: pruning writes masks, never weights. All traits can be observed and
    linked; setting `threshold`, `criterion`, `structure`, `compensate` or `selection` does what the same gesture would.

    Args:
        model: A KAN, or a `Session` to share between several widgets.
        data: What it is measured on: pykan's dict, ``(x, y)``, ``(x, y, x_test, y_test)``, a torch ``Dataset`` or
            ``DataLoader``. Left out for a `Session`; left out for a model, the training data of its last ``fit``.
        criterion: Importance that the threshold compares: ``"l1"``, ``"std"``, ``"attribution"``, ``"taylor2"``,
            ``"leave_one_out"`` and so on. Where a `Session` is given, this and the next two are its own.
        structure: What the threshold takes: ``"edge"``, ``"node"`` or ``"input"``.
        compensate: How lost edges are made up for: ``"mean"``, ``"none"``, ``"gain_bias"`` or ``"least_squares"``.
        height: Of the widget, in pixels.
        theme: ``"auto"`` follows the notebook; ``"light"``, ``"dark"``.
        orientation: ``"up"`` has the inputs at the bottom, ``"right"`` at the left.
        input_shape: Rows and columns, where the inputs are the pixels of an image, row by row: ``(28, 28)``. "Input
            map" then shows their importance as an image; else as bars.
        slices: Rows that "Metrics" shows by themselves, by name; see `Session`, which has them where one is given.

    Attributes:
        session: The commands behind the widget, for use in cells: ``widget.session.prune([(0, 1, 2)])``.
        threshold: Trait. The rule prunes where score < threshold. To set it is to set it for all layers; while they
            differ (``widget.session.thresholds``), it reads the last that ruled them all.
        selection: Trait. Selected edges ``(layer, source, target)`` and nodes ``(layer, index)``.
        metrics: Trait. Size and quality at the start and now.
        curve: Trait. The loss at every threshold, once a view has been open for a moment; see `kan_widget.curve`.
        training: Trait. What is being trained, or was last: `fine_tune`, `train`, `auto_prune` or `track`.

    Raises:
        ValueError: If an option or the data cannot be used.
        TypeError: If the model is of an unknown kind.

    Example:
        >>> from kan_widget import KAN, KANWidget, create_dataset
        >>> data = create_dataset(lambda x: x[:, [0]] ** 2, n_var=2)
        >>> widget = KANWidget(KAN([2, 3, 1], seed=0), data)
        >>> widget.session.prune([(0, 1, 2)])
        >>> widget.metrics["now"]["edges"]
        8
    """

    _esm = _front_end()
    _unsubscribe: Callable[[], None] | None = None
    _unwatch: Callable[[], None] | None = None
    _foresight: Foresight | None = None
    _trainer: Trainer

    network = traitlets.Dict(read_only=True).tag(sync=True)
    scores = traitlets.Dict(read_only=True).tag(sync=True)
    pruning = traitlets.Dict(read_only=True).tag(sync=True)
    metrics = traitlets.Dict(read_only=True).tag(sync=True)
    curve = traitlets.Dict(read_only=True).tag(sync=True)
    training = traitlets.Dict(read_only=True).tag(sync=True)
    notice = traitlets.Dict(read_only=True).tag(sync=True)
    threshold = _Rule(0.0).tag(sync=True, echo_update=False)
    selection: traitlets.List[tuple[int, ...]] = traitlets.List().tag(sync=True)
    criterion = traitlets.Unicode("l1").tag(sync=True)
    structure = traitlets.Enum(STRUCTURES, default_value="edge").tag(sync=True)
    compensate = traitlets.Enum(COMPENSATIONS, default_value="mean").tag(sync=True)
    height = traitlets.Int(560, min=240, max=4000).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), default_value="auto").tag(sync=True)
    orientation = traitlets.Enum(("up", "right"), default_value="up").tag(sync=True)

    def __init__(
        self,
        model: Any,
        data: Any = None,
        *,
        criterion: str = "l1",
        structure: str = "edge",
        compensate: str = "mean",
        height: int = 560,
        theme: str = "auto",
        orientation: str = "up",
        input_shape: tuple[int, int] | None = None,
        slices: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(model, Session):
            if data is not None:
                raise ValueError("a Session has its data already; leave data out")
            if slices is not None:
                raise ValueError("slices belong to the Session: Session(model, data, slices=...); leave them out here")
            self.session = model
        else:
            if data is None:
                data = getattr(model, "data", None)
            if data is None:
                raise ValueError("give data to measure the model on: KANWidget(model, data)")
            options = {"criterion": criterion, "structure": structure, "compensate": compensate}
            self.session = Session(model, data, **options, slices=slices)
        self._input_shape = wire.check_input_shape(self.session, input_shape)
        self._publishing = False
        self._held = False
        self._drawn: Any = None
        self._scored: Any = None
        self._live: tuple[Trace, Metrics, int] | None = None
        self._errands = Errands()
        self._answers = questions.Answers(self.session, self.to_html)
        self._voice: contextvars.Context | None = None
        self._notices = 0
        self._trainer = Trainer(self.session, self._tell, self._show, self._learnt)
        super().__init__(height=height, theme=theme, orientation=orientation)
        self._foresight = Foresight(self.session, lambda found: self.set_trait("curve", wire.curve(found)))
        self._unwatch = watch.after_cells(self._look_back)
        self._seen = False
        self._unsubscribe = self.session.subscribe(self._publish)
        self.session.adapter.take(self._publish)
        self.on_msg(self._on_message)

    @property
    def model(self) -> Any:
        """The model that is edited."""
        return self.session.model

    def refresh(self) -> None:
        """Measure, score and draw the model as it is now, say after training; see `Session.refresh`."""
        self.session.refresh()

    def to_html(self, path: str | Path | None = None, *, title: str | None = None) -> str:
        """One page that shows the widget as it is now, with neither a kernel nor a network.

        Slider, clicks and undo work there on a copy of the masks; losses are those of now and of every threshold.

        Args:
            path: Where to write it, in UTF-8; nowhere when left out.
            title: Of the page; the widths of the network when left out.

        Returns:
            The page.

        Example:
            >>> from kan_widget import KAN, KANWidget, create_dataset
            >>> data = create_dataset(lambda x: x[:, [0]] ** 2, n_var=2)
            >>> len(KANWidget(KAN([2, 5, 1], seed=0), data).to_html()) < 200_000
            True
        """
        widths = list(self.session.topology.widths)
        text = export.page(
            self.session.adapter.take(self._saved), title=title or f"KAN {widths}", version=version("kan-widget")
        )
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def static(self) -> Any:
        """`to_html` in a frame, for notebooks that are to be read without a kernel: make it the value of a cell."""
        from IPython.display import HTML

        return HTML(export.frame(self.to_html(), self.height + 24))  # type: ignore[no-untyped-call]

    def _saved(self) -> dict[str, Any]:
        """The traits, with the cost of every threshold worked out."""
        known = self._foresight is not None and self._foresight.known
        curve = self.curve if known else wire.curve(foresee(self.session)) if self.session.before.quality else {}
        names = [name for name in self.traits(sync=True) if not name.startswith("_") and name not in _HOST]
        return {**{name: getattr(self, name) for name in names}, "curve": curve, "training": {}, "notice": {}}

    def close(self) -> None:
        """Close the widget, end its training, and end its subscription to the session."""
        for end in (self._unsubscribe, self._unwatch):
            if end is not None:  # ipywidgets also closes what its constructor could not finish
                end()
        if self._foresight is not None:
            self._foresight.close()
            self._errands.close()
            self._trainer.close()
        super().close()

    def __repr__(self) -> str:
        now = self.metrics["now"]
        return f"KANWidget({list(self.session.topology.widths)}, {now['edges']} edges active)"

    # Out

    def _publish(self) -> None:
        """Put the session's state into the traits, as one message."""
        if self._held:
            return
        session, plan = self.session, self.session.plan
        self._publishing = True
        try:
            with self.hold_sync():
                trace, now = self._look()
                self._draw(trace)
                if self._scored is not session.trace or plan.criterion not in self.scores["criteria"]:
                    self.set_trait("scores", wire.scores(session))
                self._scored = session.trace
                self.set_trait("pruning", wire.pruning(session))
                self.set_trait("metrics", wire.metrics(session, now))
                self.set_trait("notice", self._notice("info", session.remark) if session.remark else {})
                self.threshold, self.criterion = wire.shown(plan.threshold), plan.criterion
                self.structure, self.compensate = plan.structure, plan.compensate
        finally:
            self._publishing = False
        self._look_ahead()

    def _look(self) -> tuple[Trace, Metrics]:
        """The model as it was last drawn or, unless it learns, measured."""
        if self._live is None:
            return self.session.trace, self.session.metrics
        trace, now, revision = self._live
        return trace, now if revision == self.session.revision else self.session.metrics

    def _draw(self, trace: Trace) -> None:
        if self._drawn is not trace:
            self.set_trait("network", wire.network(self.session, trace, self._input_shape))
            self._drawn = trace

    def _look_ahead(self) -> None:
        """Work out the cost of every threshold, once there is a view: nobody waits for what nobody looks at."""
        if self._seen and self._foresight is not None:
            self._foresight.ask()

    def _notify(self, error: Exception) -> None:
        """Show an error in every view: in Jupyter, those of callbacks are seen nowhere else."""
        self.set_trait("notice", self._notice("error", str(error)))

    def _notice(self, kind: str, text: str) -> dict[str, str]:
        self._notices += 1
        return {"id": str(self._notices), "kind": kind, "text": text}

    # Out, while the model learns

    def _tell(self, progress: dict[str, Any]) -> None:
        self._speak(lambda: self.set_trait("training", progress))

    def _show(self) -> Metrics:
        """Draw the model as it is; scores stay those that the cut is made on."""
        trace, found = self.session.adapter.trace(), self.session.measure()
        self._live = (trace, found, self.session.revision)

        def show() -> None:
            with self.hold_sync():
                self._draw(trace)
                self.set_trait("metrics", wire.metrics(self.session, found))

        self._speak(show)
        return found

    def _learnt(self, said: str | Exception) -> None:
        """Draw what stayed of a training, and say what there is to say."""
        self._live = None
        self._publish()
        if isinstance(said, Exception):
            self._notify(said)
        elif said:
            self.set_trait("notice", self._notice("info", said))

    def _speak(self, say: Callable[[], None]) -> None:
        """Say it as if in answer to the front end: ipykernel lets the thread that spoke last hear what comes next.

        Were that the thread that runs cells, a cell that runs on would hear nothing.
        """
        if self._voice is None:
            say()
        else:
            self._voice.copy().run(say)

    def _look_back(self) -> None:
        """Offer a refresh where the model was changed outside of the session."""
        if self._seen and not self.session.adapter.turns.busy:
            self.session.adapter.take(self._offer)

    def _offer(self) -> None:
        found = watch.changed(self.session)
        if found:
            text = f"The model was changed elsewhere: {found}. Curves and scores are from before."
            self.set_trait("notice", {"id": f"changed {found}", "kind": "info", "text": text, "offer": "refresh"})

    # In: traits

    @traitlets.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float:
        value = float(proposal["value"])
        alike = self.session.thresholds is None
        if self._publishing or (alike and value == wire.shown(self.session.threshold)):
            return value
        try:
            if not value >= 0:
                raise ValueError(f"threshold must be 0 or more here; got {value}")
            self.session.check_threshold(wire.meant(self.session, value))
        except (ValueError, TypeError) as error:
            raise traitlets.TraitError(str(error)) from error
        return value

    @traitlets.validate("criterion")
    def _check_criterion(self, proposal: Any) -> str:
        try:
            return check_criterion(proposal["value"])
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> list[tuple[int, ...]]:
        try:
            return wire.parse_selection(self.session, proposal["value"])
        except (ValueError, TypeError) as error:
            raise traitlets.TraitError(str(error)) from error

    @traitlets.observe("threshold", "criterion", "structure", "compensate")
    def _on_choice(self, change: Any) -> None:
        if not self._publishing:
            value = wire.meant(self.session, change["new"]) if change["name"] == "threshold" else change["new"]
            getattr(self.session, f"set_{change['name']}")(value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what a front end wrote into traits: checked, and only into those that it may write."""
        self.session.adapter.take(lambda: self._take_state(sync_data))

    def _take_state(self, sync_data: dict[str, Any]) -> None:
        refused = sorted(set(sync_data) - _WRITABLE)
        wanted = {name: value for name, value in sync_data.items() if name in _WRITABLE}
        try:
            super().set_state(wanted)
        except (traitlets.TraitError, ValueError, TypeError) as error:
            refused = sorted(sync_data)
            self._publish()
            self._notify(error)
        if refused:
            self.send_state([name for name in refused if name in self.keys])

    # In: messages

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "hello":
            # A kernel hears a widget while a cell runs only after one exchange on the thread that is for that.
            self.send({"type": "hello"})
            self._voice = contextvars.copy_context()
            self._seen = True
            self.session.adapter.take(self._look_ahead)
            self._look_back()
            return
        if kind == "sheets":  # what is not needed to look, and so need not be saved with every notebook
            self.send({"type": "sheets"}, buffers=[(export.STATIC / "sheets.js").read_bytes()])
            return
        answers = {"ops": self._run_ops, "detail": self._send_detail, "ask": self._send_answer}
        answer = answers.get(kind) if isinstance(kind, str) else None
        if answer is None:
            log.warning("a front end sent an unknown message")
            return
        content = {**content, "id": wire.name_of(content)}
        self._attempt(answer, content)

    def _attempt(self, answer: Callable[[dict[str, Any]], None], content: dict[str, Any]) -> None:
        try:
            answer(content)
        except (ValueError, TypeError) as error:
            self._refuse(content, str(error))
        except Exception as error:
            log.exception("a front end's message failed")
            self._refuse(content, f"{type(error).__name__}: {error}")

    def _refuse(self, content: dict[str, Any], reason: str) -> None:
        reason = reason[: wire.MAX_NOTE]
        if content.get("type") == "ask":
            self.send({"type": "answer", "id": content.get("id"), "reason": reason})
            return
        self.send({"type": "nack", "id": content.get("id"), "revision": self.session.revision, "reason": reason})

    def _run_ops(self, content: dict[str, Any]) -> None:
        """Run all ops of a message, publish once, answer."""

        def run() -> int:
            commands = wire.parse_ops(self.session, self._trainer, content)
            with self._one_publication():
                for command in commands:
                    command()
            return self.session.revision

        revision = self.session.adapter.take(run)
        answer = {"type": "ack", "id": content.get("id"), "revision": revision}
        # marimo runs the cells that use a widget when its page has written a trait, not when it has sent a message.
        self.send({**answer, "rerun": True} if getattr(self.comm, "kernel", None) == "marimo" else answer)

    @contextmanager
    def _one_publication(self) -> Iterator[None]:
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._publish()

    def _send_detail(self, content: dict[str, Any]) -> None:
        edge = wire.parse_edge(self.session, content)
        found, buffers = self.session.adapter.take(lambda: wire.detail(self.session, edge))
        self.send({"type": "detail", "id": content.get("id"), "edge": list(edge), **found}, buffers=buffers)
        self._look_back()

    def _send_answer(self, content: dict[str, Any]) -> None:
        if questions.takes_long(content):
            self._errands.send(lambda: self._speak(lambda: self._attempt(self._tell_answer, content)))
        else:
            self._tell_answer(content)

    def _tell_answer(self, content: dict[str, Any]) -> None:
        self.send({"type": "answer", "id": content.get("id"), "value": self._answers.to(content)})
