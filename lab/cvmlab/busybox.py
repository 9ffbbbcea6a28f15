# SPDX-License-Identifier: GPL-2.0
"""The guest's user space: a statically linked busybox."""

import glob
import os
import shutil

from . import arches, debian
from .errors import LabError
from .initramfs import cache_dir, is_static

SUITE, PACKAGE = "bookworm", "busybox-static"


def find(path="", arch=arches.X86):
    """--busybox, the installed one, or that of Debian's package, which is
    downloaded.  Return: its path."""
    if path:
        if is_static(path, arch):
            return path
        raise LabError(f"{path} is no statically linked busybox for this guest; Debian has one "
                       f"in package {PACKAGE}")
    for candidate in (shutil.which("busybox"), "/bin/busybox"):
        if candidate and is_static(candidate, arch):
            return candidate
    return _packaged(arch)


def _packaged(arch):
    """From the cache, if it is there: no network is needed then."""
    found = _below(os.path.join(cache_dir(), "lab", f"{PACKAGE}_*_{arch.debian}"), arch)
    if found:
        return found
    package = debian.run(debian.FETCH, "deb", SUITE, PACKAGE, arch.debian).split()[-1]
    name, root = debian.unpack([package])
    found = _below(glob.escape(root), arch)
    if not found:
        raise LabError(f"{name} holds no statically linked busybox: install package {PACKAGE} "
                       "or name one with --busybox")
    return found


def _below(pattern, arch):
    """The last of the folders that has one.  Return: its path, or ""."""
    places = sorted(glob.glob(os.path.join(pattern, "bin/busybox")) +
                    glob.glob(os.path.join(pattern, "usr/bin/busybox")))
    return next((path for path in reversed(places) if is_static(path, arch)), "")
