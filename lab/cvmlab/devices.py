# SPDX-License-Identifier: GPL-2.0
"""Devices that a guest test can ask for by name.

No network interface reaches the outside: each has a user network of its own
with restrict=on, which is enough for link-up and for the buffers that a driver
maps.
"""

from .errors import LabError

# A CVM's virtio devices must use the DMA API, which is what iommu_platform=on
# (VIRTIO_F_ACCESS_PLATFORM) asks for; the legacy interface cannot.
VIRTIO = "iommu_platform=on,disable-legacy=on"

# name -> (arguments, needs a scratch disk)
DEVICES = {
    "virtio-blk": (["-drive", "if=none,id=vda,format=raw,cache=writeback,file={disk}",
                    "-device", f"virtio-blk-pci,drive=vda,serial=virtio-blk,{VIRTIO}"], True),
    "nvme": (["-drive", "if=none,id=nvme0,format=raw,cache=writeback,file={disk}",
              "-device", "nvme,drive=nvme0,serial=nvme"], True),
    "virtio-net": (["-netdev", "user,id=net-virtio,restrict=on",
                    "-device", f"virtio-net-pci,netdev=net-virtio,romfile=,{VIRTIO}"], False),
    "e1000e": (["-netdev", "user,id=net-e1000e,restrict=on",
                "-device", "e1000e,netdev=net-e1000e,romfile="], False),
    "igb": (["-netdev", "user,id=net-igb,restrict=on",
             "-device", "igb,netdev=net-igb,romfile="], False),
    "virtio-rng": (["-device", f"virtio-rng-pci,{VIRTIO}"], False),
}


def check(names):
    for name in names:
        if name not in DEVICES:
            raise LabError(f"unknown device '{name}'; there are: {' '.join(DEVICES)}")


def disks(names):
    """The devices among names that carry a scratch disk."""
    check(names)
    return [name for name in names if DEVICES[name][1]]


# Instead of a file, where instructions are counted: a read is done at once.
# Else the guest idles through as many timers as the host's disk gives it time
# for, and each costs instructions.
NULL_DISK = "driver=null-co,size=67108864,read-zeroes=on"


def arguments(names, disk_paths, at_once=False):
    """QEMU arguments.  disk_paths: {device name: file} for every disk.
    at_once: disks without content, which answer within the request."""
    check(names)
    args = []
    for name in names:
        template, has_disk = DEVICES[name]
        path = disk_paths[name].replace(",", ",,") if has_disk else ""
        for item in template:
            if at_once:
                item = item.replace("format=raw,cache=writeback,file={disk}", NULL_DISK)
                item = item.replace("virtio-blk-pci,", "virtio-blk-pci,ioeventfd=off,")
            args.append(item.format(disk=path))
    return args
