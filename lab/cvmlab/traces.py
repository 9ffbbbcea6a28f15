# SPDX-License-Identifier: GPL-2.0
"""QEMU's trace events, counted: what a guest asks of its emulated IOMMU.

QEMU appends a line for each event to a file, whole and at once: a guest that
waits for the answer of its mark has all events before it in there.  A line is

    NAME arguments...

behind a process id and a time if QEMU is told to print those.
"""

import collections
import re

from .errors import LabError

LINE = re.compile(r"^(?:\d+@\d+\.\d+:)?([a-z]\w+) (.*)")
# A virtio IOMMU is told what a device may do there: include/uapi/linux/virtio_iommu.h
MAP_WRITE = 2
NUMBER = re.compile(r"(\w+)=(0x[0-9a-f]+|\d+)")


def arguments(events, path):
    """QEMU's: write the events, which may be patterns, to that file."""
    args = ["-D", path]
    for event in events:
        args += ["-trace", event]
    return args


class Counter:
    """Counts events in a file that grows."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.counts = collections.Counter()
        self.writable = {}          # (domain, first address): last address

    def read(self):
        """Return: {event: how many since QEMU started}, and as "writable-bytes"
        what a virtio IOMMU lets its devices write at the moment."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                file.seek(self.offset)
                for line in file:
                    found = LINE.match(line)
                    if found:
                        self._event(*found.groups())
                self.offset = file.tell()
        except OSError as err:
            raise LabError(f"cannot read QEMU's trace: {err}") from None
        bytes_ = sum(last - first + 1 for (_, first), last in self.writable.items())
        return {**self.counts, "writable-bytes": bytes_}

    def _event(self, name, rest):
        self.counts[name] += 1
        if name not in ("virtio_iommu_map", "virtio_iommu_unmap"):
            return
        value = {key: int(text, 0) for key, text in NUMBER.findall(rest)}
        domain, first, last = value["domain"], value["virt_start"], value["virt_end"]
        if name == "virtio_iommu_map":
            if value["flags"] & MAP_WRITE:
                self.writable[domain, first] = last
            return
        if self.writable.pop((domain, first), None) == last:
            return
        for key in [key for key in self.writable if key[0] == domain and first <= key[1] <= last]:
            del self.writable[key]
