# SPDX-License-Identifier: GPL-2.0
"""Small C programs for the guest: lab/guest/src/NAME.c, statically linked.

Built anew for every guest, in the run's scratch folder: less than a second
each, and nothing can be stale.
"""

import os
import subprocess

from .errors import LabError

SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      "guest", "src")
FLAGS = ("-static", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror")


def names():
    return sorted(n[:-2] for n in os.listdir(SOURCE) if n.endswith(".c"))


def programs(wanted, output):
    """Build.  wanted: names of programs.  Return: {path in the guest: file}."""
    found = {}
    for name in wanted:
        found[f"bin/{name}"] = _build(name, output)
    return found


def _build(name, output):
    source = os.path.join(SOURCE, name + ".c")
    target = os.path.join(output, name)
    argv = [os.environ.get("CC") or "gcc", *FLAGS, "-o", target, source]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as err:
        raise LabError(f"cannot run {argv[0]}: {err.strerror}; "
                       "name a C compiler in $CC") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["(no message)"]
        error = next((line for line in lines if "error" in line), lines[-1])
        raise LabError(f"building {name} for the guest failed: {error}")
    return target
