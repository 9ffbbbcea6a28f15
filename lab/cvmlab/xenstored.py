# SPDX-License-Identifier: GPL-2.0
"""Xen's own xenstore daemon as Debian builds it, for the guest; never modified.

Fetched and verified by scripts/fetch, with the C library of the same release.
Xen's libraries stay away: what they are to the daemon on a machine without Xen
is xenstored_libs.so of the kselftests (tools/testing/selftests/xen_shim).
"""

import os

from . import debian
from .errors import LabError

SUITE = "trixie"
PACKAGES = ("xen-utils-4.20", "libc6")
# Where the package has it, and so where it is in the guest.
FILES = ("usr/lib/xen-4.20/bin/xenstored",
         "lib64/ld-linux-x86-64.so.2",
         "lib/x86_64-linux-gnu/libc.so.6")


def programs():
    """Return: {path in the guest: host file}."""
    packages = [debian.run(debian.FETCH, "deb", SUITE, name).split()[-1] for name in PACKAGES]
    _, root = debian.unpack(packages)
    return {name: _find(root, name) for name in FILES}


def _find(root, name):
    """A file of the unpacked packages, whether /lib is a link to usr/lib or not."""
    for path in (os.path.join(root, name), os.path.join(root, "usr", name)):
        if os.path.exists(path):
            return os.path.realpath(path)
    raise LabError(f"{' '.join(PACKAGES)} of {SUITE} hold no /{name}: their layout is new")
