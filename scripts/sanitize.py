"""Run the tests of the native kernel under GCC's sanitizers: ``python scripts/sanitize.py``; some minutes.

Imported by pytest as a plugin, it puts the library in place of the one that is used otherwise.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from kan_widget.nn import native
from kan_widget.nn.native import building

SANITIZERS = {"address": "libasan.so", "undefined": "libubsan.so"}
TESTS = ("tests/nn/test_native.py", "tests/nn/test_whole.py", "tests/nn/test_statistics.py")
# These look after the library itself: where it is kept, and what happens without one.
NOT_THESE = (
    "not (library or compiler or compiled or cache or processor or process or lock or start or told or variable)"
)
LIBRARY = "KAN_WIDGET_SANITIZED"


def build(sanitizer: str, folder: Path) -> Path:
    """The kernel with checks in it."""
    target = folder / f"{sanitizer}.so"
    options = ["-O1", "-g1", "-march=native", f"-fsanitize={sanitizer}"]
    subprocess.run(["gcc", *building.FLAGS, *options, str(building.SOURCE), "-o", str(target)], check=True)
    return target


def where(library: str) -> str:
    """Path of a library of the compiler's."""
    command = ["gcc", f"-print-file-name={library}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run(sanitizer: str, library: Path) -> int:
    """Run the tests on it; the code of pytest."""
    preloaded = [where(SANITIZERS[sanitizer]), where("libstdc++.so.6")]  # the second for exceptions of torch
    environment = os.environ | {
        LIBRARY: str(library),
        "LD_PRELOAD": " ".join(preloaded),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
        "ASAN_OPTIONS": "detect_leaks=0",  # of Python itself there are many
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    arguments = ["-m", "pytest", "-q", "-s", "-p", "sanitize", *TESTS, "-k", NOT_THESE]
    return subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode


def main() -> int:
    """Build, run; 0 if nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        return max(run(sanitizer, build(sanitizer, Path(folder))) for sanitizer in SANITIZERS)


if LIBRARY in os.environ:
    native.open_library = lambda: (ctypes.CDLL(os.environ[LIBRARY]), "with checks in it")

if __name__ == "__main__":
    sys.exit(main())
