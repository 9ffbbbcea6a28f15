# SPDX-License-Identifier: GPL-2.0
"""Scratch disks whose content the runner knows.

Layout of the 64 MiB raw file (the rest stays a hole):

    0 .. 16 MiB       pseudo-random bytes, for the guest to read
    32 MiB .. 48 MiB  for the guest to write: the same bytes, each plus one

What is written differs in every byte from what was read, so that stale bounce
buffers cannot look right.  A guest's read-back is compared with what it should
be, and the host file is compared again when the guest is gone: neither a page
cache nor one broken direction can hide.
"""

import hashlib
import os

from .errors import LabError

MIB = 1 << 20
SIZE = 64 * MIB
READ_AT, WRITE_AT, AREA = 0, 32 * MIB, 16 * MIB


PLUS_ONE = bytes((i + 1) % 256 for i in range(256))


class Disk:
    """One scratch disk in a file."""

    def __init__(self, path, name):
        self.path = path
        self.name = name
        self.random = hashlib.shake_256(b"cvm-io " + name.encode()).digest(AREA)
        self.written = False
        try:
            with open(path, "wb") as file:
                file.truncate(SIZE)
                file.seek(READ_AT)
                file.write(self.random)
        except OSError as err:
            raise LabError(f"cannot write scratch disk {path}: {err.strerror}") from None

    def expected(self, area):
        """The sha256 that the guest must see for area read or write."""
        data = self.random if area == "read" else self.random.translate(PLUS_ONE)
        return hashlib.sha256(data).hexdigest()

    def on_host(self, area):
        """The sha256 of what the file holds now."""
        with open(self.path, "rb") as file:
            file.seek(READ_AT if area == "read" else WRITE_AT)
            return hashlib.sha256(file.read(AREA)).hexdigest()

    def corrupt(self):
        """Flip one bit of the read area: the laboratory's own negative test."""
        with open(self.path, "r+b") as file:
            file.seek(READ_AT + AREA // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
