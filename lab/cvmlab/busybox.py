# SPDX-License-Identifier: GPL-2.0
"""The guest's user space: a statically linked busybox."""

import os
import shutil

from . import arches, debian
from .errors import LabError
from .initramfs import is_static

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
    package = debian.run(debian.FETCH, "deb", SUITE, PACKAGE, *filter(None, [arch.debian]))
    name, root = debian.unpack(package.split()[-1:])
    for place in ("bin/busybox", "usr/bin/busybox"):
        program = os.path.join(root, place)
        if is_static(program, arch):
            return program
    raise LabError(f"{name} holds no statically linked busybox: install package {PACKAGE} "
                   "or name one with --busybox")
