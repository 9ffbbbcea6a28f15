# SPDX-License-Identifier: GPL-2.0
"""A guest's root file system on a disk, instead of an initramfs.

The disk named hv-root holds an ext2 file system with the tree that otherwise is
the initramfs.  mke2fs of e2fsprogs copies it there, without root and without a
mount.  When the guest is gone, e2fsck and debugfs look at the same file: the
file system must be consistent, and a file that the guest wrote, whose sha256
it told (fact root_file), must be there.
"""

import hashlib
import os
import shutil
import subprocess

from . import initramfs
from .errors import LabError

SIZE = "96M"
# the one SCSI disk of the guest; no other driver makes a name of that kind
APPEND = "root=/dev/sda rw rootfstype=ext2 rootwait init=/init"
WRITTEN = "/written"        # by the guest


def _tool(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise LabError(f"no {name}: install package e2fsprogs")
    return path


class RootDisk:
    def __init__(self, path):
        self.path = path

    def fill(self, tree, scratch):
        """Make the file system.  tree: arguments of initramfs.populate();
        scratch: a folder that is to be made."""
        initramfs.populate(initramfs.Folder(scratch), *tree)
        try:
            with open(self.path, "wb"):
                pass
            subprocess.run([_tool("mke2fs"), "-q", "-F", "-t", "ext2", "-d", scratch,
                            "-E", "root_owner=0:0", self.path, SIZE],
                           check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as err:
            raise LabError(f"mke2fs failed: {err.stderr.strip()}") from None
        except OSError as err:
            raise LabError(f"cannot make {self.path}: {err.strerror}") from None

    def judge(self, facts):
        """Return: (ok, why) of what the guest left."""
        checked = subprocess.run([_tool("e2fsck"), "-fn", self.path],
                                 capture_output=True, text=True, check=False)
        if checked.returncode:
            lines = [line for line in checked.stdout.splitlines() if line.strip()]
            return False, f"e2fsck: {lines[1] if len(lines) > 1 else checked.stderr.strip()}"
        expected = facts.get("root_file", "")
        if not expected:
            return False, "the guest told no checksum of a file that it wrote"
        held = subprocess.run([_tool("debugfs"), "-R", f"cat {WRITTEN}", self.path],
                              capture_output=True, check=False).stdout
        found = hashlib.sha256(held).hexdigest()
        return found == expected, (f"{WRITTEN} has {len(held)} bytes with sha256 {found[:16]}.., "
                                   f"the guest wrote {expected[:16]}..")
