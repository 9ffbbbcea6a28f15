# SPDX-License-Identifier: GPL-2.0
"""QEMU's trace events, counted: what a guest asks of its emulated IOMMU.

QEMU appends a line for each event to a file, whole and at once: a guest that
waits for the answer of its mark has all events before it in there.  A line is

    NAME arguments...

behind a process id and a time if QEMU is told to print those.
"""

import collections
import os
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
            with open(self.path, "rb") as file:
                # What comes meanwhile is for the next time: it may come as fast.
                end = os.fstat(file.fileno()).st_size
                file.seek(self.offset)
                text = file.read(end - self.offset)
        except OSError as err:
            raise LabError(f"cannot read QEMU's trace: {err}") from None
        text = text[:text.rfind(b"\n") + 1]
        self.offset += len(text)
        for line in text.decode(errors="replace").splitlines():
            found = LINE.match(line)
            if found:
                self._event(*found.groups())
        return {**self.counts, "writable-bytes": self.writable_bytes, "writable-peak": self.peak}

    def _event(self, name, rest):
        # The commands of an SMMUv3 are one event: each counts by its own name.
        self.counts[rest.split()[-1] if name == "smmuv3_cmdq_opcode" else name] += 1
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
        # What is unmapped at once may have been mapped in parts, one after the other.
        while first <= last and (domain, first) in self.writable:
            first = self._forget(domain, first) + 1
        if first > last:
            return
        for start in [start for part, start in self.writable if part == domain and start >= first]:
            if self.writable[domain, start] <= last:
                self._forget(domain, start)

    def _forget(self, domain, first):
        """Return: where that mapping ended."""
        last = self.writable.pop((domain, first))
        self.writable_bytes -= last - first + 1
        return last
