"""Changes to a model that is being trained wait for their turn, and none is lost."""

from __future__ import annotations

import threading
import time

import pytest

from kan_widget.nn.turns import Turns


def wait_for(turns: Turns, waiting: int) -> None:
    limit = time.monotonic() + 10
    while len(turns._waiting) < waiting:
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_an_idle_model_is_changed_at_once() -> None:
    assert Turns().take(lambda: 3) == 3


def test_the_trainer_itself_need_not_wait() -> None:
    turns = Turns()
    with turns.training():
        assert turns.take(lambda: 3) == 3


def test_changes_wait_and_run_in_order() -> None:
    turns = Turns()
    done: list[int] = []
    threads: list[threading.Thread] = []
    with turns.training():
        for i in range(3):
            threads.append(threading.Thread(target=turns.take, args=(lambda i=i: done.append(i),)))
            threads[-1].start()
            wait_for(turns, i + 1)
        assert done == []
        assert turns.give_way() == 3
        assert done == [0, 1, 2]
        assert turns.give_way() == 0
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_what_still_waits_is_done_when_training_ends_even_by_an_error() -> None:
    turns = Turns()
    done: list[str] = []
    thread = threading.Thread(target=turns.take, args=(lambda: done.append("late"),))

    def train() -> None:
        with turns.training():
            thread.start()
            wait_for(turns, 1)
            raise KeyError

    with pytest.raises(KeyError):
        train()
    thread.join(timeout=10)
    assert done == ["late"]
    assert turns.take(lambda: "free") == "free"


def test_an_error_in_a_change_reaches_who_asked_and_not_the_trainer() -> None:
    turns = Turns()
    caught: list[str] = []

    def ask() -> None:
        try:
            turns.take(lambda: 1 / 0)
        except ZeroDivisionError:
            caught.append("here")

    thread = threading.Thread(target=ask)
    with turns.training():
        thread.start()
        wait_for(turns, 1)
        assert turns.give_way() == 1
    thread.join(timeout=10)
    assert caught == ["here"]


def test_training_within_training_gives_the_model_back_to_the_outer_one() -> None:
    turns = Turns()
    waited: list[bool] = []
    with turns.training():
        with turns.training():
            pass
        thread = threading.Thread(target=turns.take, args=(lambda: waited.append(True),))
        thread.start()
        wait_for(turns, 1)
        assert waited == []
        turns.give_way()
    thread.join(timeout=10)
    assert waited == [True]
