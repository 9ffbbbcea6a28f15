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
        self.writable_bytes = self.peak = 0

    def read(self):
        """Return: {event: how many since QEMU started}, and as "writable-bytes"
        what a virtio IOMMU lets its devices write at the moment, as
        "writable-peak" the most since this was last asked."""
        self.peak = self.writable_bytes
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
        return {**self.counts, "writable-bytes": self.writable_bytes, "writable-peak": self.peak}

    def _event(self, name, rest):
        self.counts[name] += 1
        if name not in ("virtio_iommu_map", "virtio_iommu_unmap"):
            return
        value = {key: int(text, 0) for key, text in NUMBER.findall(rest)}
        domain, first, last = value["domain"], value["virt_start"], value["virt_end"]
        if name == "virtio_iommu_map":
            if value["flags"] & MAP_WRITE:
                self.writable[domain, first] = last
                self.writable_bytes += last - first + 1
                self.peak = max(self.peak, self.writable_bytes)
            return
        if self.writable.get((domain, first)) == last:
            gone = [(domain, first)]
        else:
            gone = [key for key, end in self.writable.items()
                    if key[0] == domain and first <= key[1] and end <= last]
        for key in gone:
            self.writable_bytes -= self.writable.pop(key) - key[1] + 1
