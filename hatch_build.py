"""Wheels with the kernel compiled, where that can be done: on Linux with a C compiler. Others compile it at first use.

``KAN_WIDGET_BACKEND=torch`` leaves it out, and with ``native`` a build without it fails.
"""

import os
import platform
import re
import runpy
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = "kan_widget/nn/native"


class KernelHook(BuildHookInterface):
    """Puts libraries into the wheel, and says in its name which systems they are for."""

    PLUGIN_NAME = "custom"
    folder: str | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, before files are gathered."""
        wanted = os.environ.get("KAN_WIDGET_BACKEND")
        if version == "editable" or wanted == "torch":
            return
        self.folder = tempfile.mkdtemp(prefix="kan_widget-")
        building = runpy.run_path(str(Path(self.root, NATIVE, "building.py")))
        try:
            if sys.platform != "linux":
                raise building["Unavailable"](f"there are no wheels with the kernel for {sys.platform}")
            libraries = building["compile_for_others"](Path(self.folder))
        except building["Unavailable"] as error:
            if wanted == "native":
                raise
            self.app.display_info(f"The wheel brings no compiled kernel: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{systems(libraries)}"
        for library in libraries:
            build_data["force_include"][str(library)] = f"{NATIVE}/shipped/{library.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def systems(libraries: list[Path]) -> str:
    """The platform tag: any Linux whose glibc has what the libraries ask for.

    Source: https://peps.python.org/pep-0600/
    """
    names = b"".join(library.read_bytes() for library in libraries)
    versions = [(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", names)]
    if not versions:
        return f"linux_{platform.machine()}"
    # pip knows none older than that of manylinux1.
    return "manylinux_{}_{}_{}".format(*max([*versions, (2, 5)]), platform.machine())
