# SPDX-License-Identifier: GPL-2.0
"""Scratch disks whose content the runner knows.

Layout of the 64 MiB raw file (the rest stays a hole):

    0 .. 16 MiB       pseudo-random bytes, for the guest to read
    32 MiB .. 48 MiB  for the guest to write: the decimal numbers from
                      first_number() on, one per line, as `seq` prints them

Both sides can make the written content on their own, so a guest's read-back
is compared with what it should be, and the host file is compared again when
the guest is gone: neither a page cache nor one broken direction can hide.
"""

import hashlib
import os

from .errors import LabError

MIB = 1 << 20
SIZE = 64 * MIB
READ_AT, WRITE_AT, AREA = 0, 32 * MIB, 16 * MIB


def first_number(name):
    """Where the guest's `seq` starts, distinct per disk, always 7 digits."""
    digest = hashlib.sha256(name.encode()).digest()
    return 1_000_000 + int.from_bytes(digest[:3], "little") % 5_000_000


def numbers(first, length):
    """length bytes of `seq first ...`, all numbers having 7 digits."""
    count = length // 8 + 1
    if first < 1_000_000 or first + count > 10_000_000:
        raise ValueError("numbers() is made for 7 digits")
    return "".join(f"{n}\n" for n in range(first, first + count)).encode()[:length]


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
        data = self.random if area == "read" else numbers(first_number(self.name), AREA)
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
