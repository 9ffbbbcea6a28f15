# SPDX-License-Identifier: GPL-2.0
"""newc cpio archives (Documentation/driver-api/early-userspace/buffer-format.rst).

The kernel's usr/gen_init_cpio would do, but it needs a kernel tree and a
compiler run before the first guest; forty lines here need neither, and give
the same bytes for the same content: times are 0, owners are 0, inode numbers
count up, and device nodes need no root.
"""

import stat


class Archive:
    """Collects entries, parents first; bytes() ends the archive."""

    def __init__(self):
        self.parts = []
        self.known = set()

    def _entry(self, path, mode, data=b"", rdev=(0, 0)):
        name = path.encode() + b"\0"
        inode = len(self.parts) + 1
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
        self.parts.append(_pad(head) + _pad(data))
        self.known.add(path)

    def directory(self, path):
        path = path.strip("/")
        if not path or path in self.known:
            return
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, executable=False):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def symlink(self, path, target):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, path, major, minor):
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entry(path, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def bytes(self):
        whole = Archive()
        whole._entry("TRAILER!!!", 0)
        return b"".join(self.parts) + whole.parts[0]


def _pad(data):
    return data + b"\0" * (-len(data) % 4)
