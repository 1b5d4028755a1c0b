"""History against a model of it: a list of all states and a pointer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_widget.core.history import History


@given(st.lists(st.sampled_from(["push", "undo", "redo"]), max_size=40))
def test_undo_and_redo_walk_the_same_line_back_and_forth(commands: list[str]) -> None:
    history = History(0)
    done, undone = [0], []  # the plain two-stack undo
    for number, command in enumerate(commands, start=1):
        if command == "push":
            history.push(f"to {number}", number)
            done, undone = [*done, number], []
        elif command == "undo":
            if len(done) == 1:
                assert history.undo_label is None
                with pytest.raises(ValueError, match="nothing to undo"):
                    history.undo()
            else:
                assert history.undo() == f"to {done[-1]}"
                undone.append(done.pop())
        elif not undone and history.redo_label is None:
            with pytest.raises(ValueError, match="nothing to redo"):
                history.redo()
        elif undone:
            assert history.redo() == f"to {undone[-1]}"
            done.append(undone.pop())
        assert history.present == done[-1]


def test_branch_left_behind_can_be_visited_again() -> None:
    history = History("start")
    history.push("a", "A")
    history.undo()
    history.push("b", "B")
    assert [step.state for step in history.steps] == ["start", "A", "B"]
    assert list(history.parents) == [-1, 0, 0]
    history.jump(1)
    assert history.present == "A"
    history.undo()
    assert history.redo_label == "a"
    with pytest.raises(ValueError, match=r"0\.\.2"):
        history.jump(3)


def test_amend_keeps_labels_and_place() -> None:
    history = History(1)
    history.push("double", 2)
    history.amend(lambda n: n * 10)
    assert [(s.label, s.state) for s in history.steps] == [("start", 10), ("double", 20)]
    assert history.present == 20
