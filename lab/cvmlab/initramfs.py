# SPDX-License-Identifier: GPL-2.0
"""The guest's root file system: busybox, guest/init, guest/lib.sh, one test.

Needs no root and no disk image.  Programs of the test must be statically
linked: the guest has no library.
"""

import hashlib
import os
import re
import struct

from . import arches, cpio
from .errors import LabError

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GUEST = os.path.join(LAB, "guest")
PT_INTERP = 3               # elf(5): the program asks for a dynamic loader


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("CACHE") or os.path.join(base, "cvm-io")


def is_static(path, arch=arches.X86):
    """True for an ELF program of arch, which is 64-bit, without an interpreter."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or head[:5] != b"\x7fELF\x02" or \
                    struct.unpack_from("<H", head, 18)[0] != arch.machine:
                return False
            offset, = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            file.seek(offset)
            table = file.read(size * count)
    except OSError:
        return False
    return all(struct.unpack_from("<I", table, i * size)[0] != PT_INTERP for i in range(count))


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as err:
        raise LabError(f"cannot read {path}: {err.strerror}") from None


def sha256(path):
    return hashlib.sha256(_read(path)).hexdigest()


class Folder:
    """What cpio.Archive does, into a folder.  Devices are left to devtmpfs."""

    def __init__(self, path):
        self.path = path

    def _at(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def directory(self, name):
        os.makedirs(self._at(name), exist_ok=True)

    def char_device(self, name, major, minor):
        pass

    def file(self, name, data, executable=False):
        path = self._at(name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o755 if executable else 0o644)

    def symlink(self, name, target):
        os.symlink(target, self._at(name))


def build(*tree):
    """Make the archive.  tree: as for populate().  Return: its bytes."""
    archive = cpio.Archive()
    populate(archive, *tree)
    return archive.bytes()


def populate(archive, test, settings, busybox, programs=None, modules=None):
    """Fill a cpio.Archive or a Folder.

    test: a tests.GuestTest.  settings: {NAME: value}, for the script to read.
    programs: {path in the guest: host file}.  modules: host files of kernel
    modules, in the order to load.
    """
    for directory in ("bin", "dev", "proc", "sys", "tmp", "run", "etc", "lab"):
        archive.directory(directory)
    archive.char_device("dev/console", 5, 1)
    archive.char_device("dev/null", 1, 3)
    archive.file("bin/busybox", _read(busybox), executable=True)
    archive.symlink("bin/sh", "busybox")
    archive.file("init", _read(os.path.join(GUEST, "init")), executable=True)
    archive.file("lab/lib.sh", _read(os.path.join(GUEST, "lib.sh")))
    archive.file("lab/settings", _settings(settings))
    if test is not None:
        archive.file("lab/test", _read(test.path), executable=True)
    for target, source in sorted((programs or {}).items()):
        archive.file(target, _read(source), executable=os.access(source, os.X_OK))
    names = []
    for source in modules or []:
        name = os.path.basename(source)
        archive.file("lab/modules/" + name, _read(source))
        names.append(name + "\n")
    if names:
        archive.file("lab/modules/order", "".join(names).encode())


def _settings(settings):
    lines = []
    for name, value in sorted(settings.items()):
        if not re.fullmatch(r"[A-Z_0-9]+", name):
            raise ValueError(f"setting {name}")
        quoted = str(value).replace("'", "'\\''")
        lines.append(f"{name}='{quoted}'\n")
    return "".join(lines).encode()
