"""A library out of `network.c` and `kernel.c`: it came with the package, or is compiled once and kept in a cache."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("network.c")
INCLUDED = (Path(__file__).with_name("kernel.c"),)
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=gnu11", "-O2", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-pthread", "-w")
# What a wheel brings is in this folder: a library for each set of instructions, by torch's names for them.
SHIPPED = Path(__file__).with_name("shipped")
INSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "avx512": ("-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq"),
    "avx2": ("-mavx2", "-mfma"),
    "default": (),
}
# The first set that the compiler knows is taken; what is built is for this processor alone.
TUNINGS: tuple[tuple[str, ...], ...] = (("-march=native",), ("-mcpu=native",), ())
# A compiler takes four seconds, and many more where others work. One that hangs is given up, and so is waiting for
# another process that compiles.
TIMEOUT_S = 90.0


class Unavailable(Exception):
    """There is no native kernel here; the message says why."""


def open_library() -> tuple[ctypes.CDLL, str]:
    """Load the library: the one that came with the package, or one compiled before or now.

    Returns:
        The library, and where it came from, in words.

    Raises:
        Unavailable: If there is no compiler, or what it makes cannot be loaded.
    """
    if os.name != "posix":
        raise Unavailable(f"there is no native kernel for {sys.platform}")
    try:
        source = _source()
    except OSError as error:
        raise Unavailable(f"the source of the kernel cannot be read: {error}") from None
    with contextlib.suppress(OSError):  # one for another system
        if path := _shipped(source):
            return ctypes.CDLL(str(path)), f"came with the package, {path.name}"
    compiler = find_compiler()
    key = _key(source, compiler)
    # Read-only, full, mounted so that nothing in it may run; and there are users without a home.
    with contextlib.suppress(OSError, RuntimeError):
        return _from_cache(cache_folder(), key, compiler), f"compiled by {compiler[0]}, kept in {cache_folder()}"
    try:
        with tempfile.TemporaryDirectory(prefix="kan_widget-") as folder:  # a loaded library outlives its file
            return ctypes.CDLL(str(_tuned(compiler, Path(folder)))), f"compiled by {compiler[0]} for this process"
    except OSError as error:
        raise Unavailable(f"the compiled kernel cannot be loaded: {error}") from None


def compile_for_others(folder: Path) -> list[Path]:
    """Compile what a wheel brings: libraries for all processors of this machine's kind.

    Args:
        folder: Where they go.

    Returns:
        Their paths.

    Raises:
        Unavailable: If there is no compiler, or what it makes cannot be loaded.
        OSError: If the source cannot be read.
    """
    compiler, source = find_compiler(), _source()
    kinds = INSTRUCTIONS if platform.machine() in ("x86_64", "AMD64") else ("default",)
    paths = []
    for kind in kinds:
        built = _compile(compiler, INSTRUCTIONS[kind], folder / "kernel.so")
        paths.append(built.replace(folder / f"{_name(source, kind)}-{_digest(built)}.so"))
    try:
        ctypes.CDLL(str(paths[-1]))
    except OSError as error:
        raise Unavailable(f"the compiled kernel cannot be loaded: {error}") from None
    return paths


def find_compiler() -> list[str]:
    """The command of a C compiler: ``$CC``, or the first of `COMPILERS` on the path.

    Raises:
        Unavailable: If there is none, or ``$CC`` is no command.
    """
    try:
        named = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        raise Unavailable(f"$CC cannot be read: {error}") from None
    for command in (named, *([name] for name in COMPILERS)):
        if command and (path := shutil.which(command[0])):
            return [path, *command[1:]]
    raise Unavailable(f"there is no C compiler on the path (looked for {', '.join(COMPILERS)})")


def cache_folder() -> Path:
    """Where libraries are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kan_widget"


def _source() -> bytes:
    return b"".join(path.read_bytes() for path in (SOURCE, *INCLUDED))


def _shipped(source: bytes) -> Path | None:
    import torch

    kind = torch.backends.cpu.get_cpu_capability().lower()
    return _kept(SHIPPED, _name(source, kind if kind in INSTRUCTIONS else "default"))


def _name(source: bytes, kind: str) -> str:
    """Of another source it is another library: one that is left from an older version is not found."""
    return f"{hashlib.sha256(source).hexdigest()[:16]}-{kind}"


def _key(source: bytes, compiler: Sequence[str]) -> str:
    """Differs wherever another library would be built: another source, compiler, option or processor."""
    status = os.stat(compiler[0])
    parts = [*compiler, status.st_size, status.st_mtime_ns, FLAGS, TUNINGS, platform.platform(), _processor()]
    return hashlib.sha256(source + repr(parts).encode()).hexdigest()[:24]


def _processor() -> str:
    """What the processor can do: homes are shared between machines."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        told = ("model name", "cpu family", "model", "flags", "Features", "CPU part", "isa")
        return "\n".join(sorted({line for line in lines if line.partition(":")[0].strip() in told}))
    return f"{platform.machine()} {platform.processor()}"


def _from_cache(folder: Path, key: str, compiler: Sequence[str]) -> ctypes.CDLL:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"others can write to {folder}")  # and what is loaded from there is run
    path = _kept(folder, key)
    if path is None:
        with _lock(folder / f"{key}.lock"):
            path = _kept(folder, key) or _keep(folder, key, compiler)
    return ctypes.CDLL(str(path))


def _kept(folder: Path, key: str) -> Path | None:
    """The library of this key, if it is whole: its name ends with the digest of what it holds."""
    for path in folder.glob(f"{key}-*.so"):
        with contextlib.suppress(OSError):
            if path.stem.rpartition("-")[2] == _digest(path):
                return path
            path.unlink()
    return None


def _keep(folder: Path, key: str, compiler: Sequence[str]) -> Path:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        built = _tuned(compiler, Path(place))
        path = folder / f"{key}-{_digest(built)}.so"
        os.replace(built, path)
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:24]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other processes from compiling the same at the same time; one that takes too long is not waited for."""
    import fcntl

    end = time.monotonic() + TIMEOUT_S
    with path.open("w") as file:
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        yield


def _tuned(compiler: Sequence[str], folder: Path) -> Path:
    """A library for this processor alone."""
    tuning = next(t for t in TUNINGS if not t or _run([*compiler, *t, "-E", "-x", "c", os.devnull])[0] == 0)
    return _compile(compiler, tuning, folder / "kernel.so")


def _compile(compiler: Sequence[str], options: Sequence[str], target: Path) -> Path:
    code, said = _run([*compiler, *FLAGS, *options, str(SOURCE), "-o", str(target)])
    if code or not target.exists():
        raise Unavailable(f"{compiler[0]} did not compile the kernel: {_first_error(said)}")
    return target


def _first_error(said: str) -> str:
    """What is wrong, of all that a compiler says: the first error, or the last line where none is called so."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")[:300]


def _run(command: Sequence[str]) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that what the compiler has started ends with it
    )
    try:
        said, _ = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, said
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Unavailable(f"{command[0]} took more than {TIMEOUT_S:g} s") from None
        raise
