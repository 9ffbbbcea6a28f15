# SPDX-License-Identifier: GPL-2.0
"""Small C programs for the guest: lab/guest/src/NAME.c, statically linked.

Built anew for every guest, in the run's scratch folder: less than a second
each, and nothing can be stale.
"""

import os
import subprocess

from . import arches
from .errors import LabError

SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      "guest", "src")
FLAGS = ("-static", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


def names():
    return sorted(n[:-2] for n in os.listdir(SOURCE) if n.endswith(".c"))


def programs(wanted, output, arch=arches.X86):
    """Build.  wanted: names of programs.  Return: {path in the guest: file}."""
    compiler = arch is arches.X86 and os.environ.get("CC") or arch.compiler
    return {f"bin/{name}": _build(name, output, compiler) for name in wanted}


def _build(name, output, compiler):
    source = os.path.join(SOURCE, name + ".c")
    target = os.path.join(output, name)
    argv = [compiler, *FLAGS, "-o", target, source]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as err:
        raise LabError(f"cannot run {compiler}: {err.strerror}; " +
                       ("install package gcc-aarch64-linux-gnu"
                        if compiler == arches.ARM64.compiler else
                        "name a C compiler in $CC")) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["(no message)"]
        error = next((line for line in lines if "error" in line), lines[-1])
        raise LabError(f"building {name} for the guest failed: {error}")
    return target
