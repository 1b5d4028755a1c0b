"""What the widget does while its model learns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from .outcome import Outcome
from .trainer import Trainer

T = TypeVar("T")


class Learning:
    """Commands of `KANWidget` that train its model, beside the kernel's own thread and in sight of all views."""

    _trainer: Trainer

    def fine_tune(
        self,
        steps: int | None = None,
        seconds: float | None = None,
        *,
        patience: int = 5,
        wait: bool = False,
        **options: Any,
    ) -> Future[Outcome]:
        """Train what is left of the network, in the background, and keep the step that does best on held-out rows.

        Losses and curves are drawn as it learns. Edits made meanwhile, in the widget or in a cell, are made between two
        steps. It is one step of the history; if no step does better than the network did before, there is none.
        Without held-out rows nothing can be judged, and the last step is kept.

        Args:
            steps: Optimiser steps; 20 if `seconds` is not given either.
            seconds: How long, pauses aside; the step that is being done then is the last.
            patience: Steps without a better held-out loss after which it ends.
            wait: Whether to come back at its end. Ctrl-C then ends it, and what was best is kept.
            **options: For the model's ``fit``: ``opt``, ``lr``, ``lamb`` and so on. With ``reg_metric="l0"`` no step
                can be told from another, and the last is kept.

        Returns:
            The outcome to be: ``.result()`` waits for it.

        Raises:
            ValueError: If there are no labels, a number is out of range, or the model is being trained already.
            TypeError: If a number is none.

        Example:
            >>> from kan_widget import KAN, KANWidget, create_dataset
            >>> widget = KANWidget(KAN([2, 3, 1], seed=0), create_dataset(lambda x: x[:, [0]] ** 2, n_var=2))
            >>> outcome = widget.fine_tune(steps=3, wait=True).result()
            >>> outcome.after.quality["test"].loss < outcome.before.quality["test"].loss
            True
        """
        found = self._trainer.fine_tune(steps=steps, seconds=seconds, patience=patience, options=options)
        return self._waited(found) if wait else found

    def train(
        self, steps: int = 100, seconds: float | None = None, *, wait: bool = False, **options: Any
    ) -> Future[Outcome]:
        """Train the network in the background to the end, and keep the last step, whatever the held-out loss does.

        Else as `fine_tune`. It is for training from the start, where that loss may well rise before it falls.
        """
        found = self._trainer.fine_tune(steps=steps, seconds=seconds, patience=None, options=options, kind="train")
        return self._waited(found) if wait else found

    def auto_prune(
        self,
        budget: float = 0.02,
        seconds: float | None = None,
        *,
        share: float = 0.3,
        steps: int = 10,
        wait: bool = False,
        **options: Any,
    ) -> Future[Outcome]:
        """Prune in the background as far as a budget allows: cut, fine-tune, keep it, or go back and cut half as much.

        It follows the rule in force: `criterion`, `structure` and `compensate`. What was kept by hand stays. Each round
        is a cut and a fine-tune in the history, those that were taken back too.

        Args:
            budget: How much worse the held-out loss may be than now, as a fraction of it.
            seconds: How long at most, pauses aside.
            share: Size of the first cut, as a fraction of what may be cut.
            steps: Of tuning after each cut, at most.
            wait: As in `fine_tune`.
            **options: For the model's ``fit``.

        Returns:
            The outcome to be.

        Raises:
            ValueError: If there are no held-out rows, a number is out of range, or the model is being trained already.
            TypeError: If a number is none.
        """
        found = self._trainer.auto_prune(budget=budget, seconds=seconds, share=share, steps=steps, options=options)
        return self._waited(found) if wait else found

    def pause(self) -> None:
        """Let the training rest after the step that is being done; edits are made at once meanwhile.

        Raises:
            ValueError: If nothing is being trained from here.
        """
        self._trainer.pause()

    def resume(self) -> None:
        """Go on after `pause`.

        Raises:
            ValueError: If nothing is being trained from here.
        """
        self._trainer.resume()

    def stop(self) -> None:
        """End the training after the step that is being done, and come back at once; what is worth keeping is kept.

        Raises:
            ValueError: If nothing is being trained from here.
        """
        self._trainer.stop()

    def track(self, steps: Iterable[T]) -> Iterator[T]:
        """Watch a training loop of your own: go through `steps`, and between two of them make way for edits.

        The model is the loop's meanwhile; what is clicked or set elsewhere is done between two steps, losses and curves
        are drawn now and then, and Pause and Stop of the widget work. Afterwards the training is one step of the
        history. Should weights end as NaN or infinite, the last good ones come back.

        A kernel hears clicks while a cell runs only if its host has a thread for that, as JupyterLab has by default.
        Elsewhere they arrive when the cell ends; none is lost.

        Args:
            steps: What to go through, such as ``range(100)``.

        Yields:
            What is in `steps`.

        Raises:
            ValueError: If there are no labels, or the model is being trained already.

        Example:
            >>> import torch
            >>> from kan_widget import KAN, KANWidget, create_dataset
            >>> data = create_dataset(lambda x: x[:, [0]] ** 2, n_var=2)
            >>> model = KAN([2, 3, 1], seed=0)
            >>> widget = KANWidget(model, data)
            >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            >>> for step in widget.track(range(5)):
            ...     optimizer.zero_grad()
            ...     loss = (model(data["train_input"]) - data["train_label"]).square().mean()
            ...     loss.backward()
            ...     _ = optimizer.step()
            >>> widget.session.undo()
            'own loop, 5 steps'
        """
        return self._trainer.track(steps)

    def _waited(self, found: Future[Outcome]) -> Future[Outcome]:
        try:
            found.exception()
        except KeyboardInterrupt:
            self._trainer.stop()
            found.exception()
        return found
