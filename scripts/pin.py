"""Print constraints.txt: every package that kan-widget and its extras need, as installed here.

Run by `make pins`, in an environment that holds all extras and has just passed the tests.
"""

import re
from collections import deque
from collections.abc import Iterator
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "kan-widget"
EXTRAS = ("demo", "pykan", "bench", "test", "hosts")
OLDEST_PYTHON = "3.10"
HEADER = """\
# What CI runs with, exactly. Printed by `make pins`; not for editing by hand.
# torch is pinned for its size as well: on Linux a newer one brings gigabytes of CUDA along.
# A marked version needs a newer Python than the oldest that kan-widget supports; there pip
# takes what fits.
"""


def requirements(name: str, extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), tuple(sorted(requirement.extras))


def closure() -> set[str]:
    """Every package that the root needs, with all its extras; the root itself is left out."""
    seen = {(ROOT, EXTRAS)}
    queue = deque(seen)
    while queue:
        for item in requirements(*queue.popleft()):
            if item not in seen:
                seen.add(item)
                queue.append(item)
    return {name for name, _ in seen} - {ROOT}


def pin(name: str) -> str:
    found = distribution(name)
    # The local part says which build this machine got ("+cpu"); another may offer another.
    line = f"{name}=={found.version.partition('+')[0]}"
    required = re.search(r">=\s*(3\.\d+)", found.metadata.get("Requires-Python") or "")
    if required and float(required[1][2:]) > float(OLDEST_PYTHON[2:]):
        line += f'; python_version >= "{required[1]}"'
    return line


if __name__ == "__main__":
    print(HEADER + "\n".join(map(pin, sorted(closure()))))
