"""Whether there is what the kernel needs."""

import os

import pytest

from kan_widget.nn.native import building


def has_compiler() -> bool:
    try:
        building.find_compiler()
    except building.Unavailable:
        return False
    return os.name == "posix"


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler")
