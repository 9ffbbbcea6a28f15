# SPDX-License-Identifier: GPL-2.0
"""The kselftests of the series, built out of a kernel tree for the guest.

The tree's own Makefile builds them, statically linked, into a folder outside
the tree; emit_tests, kselftest's own target, says what is a test.  Everything
else in the directory that a test may need (scripts, configuration) goes along.
"""

import os
import stat
import subprocess

from .errors import LabError

SELFTESTS = "tools/testing/selftests"
# Folder there -> folder in the guest.
COLLECTIONS = {"cvm": "lab/kselftest/", "xen_shim": "lab/kselftest-xen/"}
SOURCES = (".c", ".h", ".o", ".d", ".S")


def programs(ksrc, output):
    """Build and collect.  ksrc: a kernel tree, or "" for none.

    Return: {path in the guest: host file}; {} if the tree has no such tests
    (the stock kernel), which the guest test reports as SKIP.
    """
    if not ksrc:
        return {}
    if not os.path.isfile(os.path.join(ksrc, "Makefile")):
        raise LabError(f"--ksrc {ksrc} is no kernel tree")
    found = {}
    for name, target in COLLECTIONS.items():
        source = os.path.join(ksrc, SELFTESTS, name)
        if os.path.isfile(os.path.join(source, "Makefile")):
            found.update(_collection(name, source, os.path.join(output, name), target))
    return found


def _collection(collection, source, output, target):
    os.makedirs(output, exist_ok=True)
    output = os.path.abspath(output)
    _make(source, output, "all")
    listed = _make(source, output, "emit_tests", f"COLLECTION={collection}")
    tests = [line.partition(":")[2] for line in listed.splitlines()
             if line.startswith(collection + ":")]
    if not tests:
        raise LabError(f"{source} builds, but emit_tests lists no test")
    found = {target + name: path for folder in (source, output)
             for name, path in _useful(folder)}
    for name in tests:
        if target + name not in found:
            raise LabError(f"kselftest {name} is listed, but was not built")
    order = os.path.join(output, "list")
    with open(order, "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in tests)
    found[target + "list"] = order
    return found


def _useful(folder):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not stat.S_ISREG(os.stat(path).st_mode) or name.startswith("."):
            continue
        if name not in ("Makefile", "list") and not name.endswith(SOURCES):
            yield name, path


def _make(source, output, *goals):
    # A make that called us must not hand its own flags down.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    argv = ["make", "-s", "-C", source, f"OUTPUT={output}", "LDFLAGS=-static", *goals]
    try:
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    except OSError as err:
        raise LabError(f"cannot run make: {err.strerror}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["(no message)"]
        error = next((line for line in lines if "error" in line), lines[-1])
        raise LabError(f"building {source} failed: {error}")
    return done.stdout
