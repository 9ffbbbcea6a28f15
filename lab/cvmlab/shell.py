# SPDX-License-Identifier: GPL-2.0
"""An interactive guest on this terminal; Ctrl-A x ends it, Ctrl-A c is QEMU's
monitor."""

import os
import subprocess
import tempfile

from . import busybox, bzimage, devices, disks, initramfs, platforms, qemu
from .guest import append

DEVICES = ("virtio-blk", "nvme", "virtio-net", "e1000e", "igb", "virtio-rng", "edu", "hv-scsi",
           "hv-net")


def run(row, kernel, args, modules=None):
    """Return: QEMU's exit status."""
    platforms.require_host(row)
    with tempfile.TemporaryDirectory(prefix="cvm-lab-") as scratch:
        names = devices.suiting(DEVICES, row)
        paths = {name: disks.Disk(os.path.join(scratch, name + ".raw"), name).path
                 for name in devices.disks(names)}
        if row.entry == "elf":
            kernel = bzimage.extract(kernel, scratch)
        loaded, _ = modules.modules(devices.modules(names), scratch) if modules else ([], [])
        initrd = os.path.join(scratch, "initramfs")
        with open(initrd, "wb") as file:
            file.write(initramfs.build(None, {"PLATFORM": row.name, "CONTROL": row.arch.control},
                                       busybox.find(args.busybox, row.arch), None, loaded))
        machine = qemu.Machine(
            platform=row, qemu=qemu.find_qemu(args.qemu, row.arch), kernel=kernel, initrd=initrd,
            append=append(row, args.append), memory=args.memory or "4G", cpus=args.cpus or 2,
            cpu=args.cpu, firmware_dir=args.firmware, bios=args.bios, devices=names,
            disks=paths, stats_file=os.path.join(scratch, "stats.json"),
            object_extra=args.object_extra)
        return subprocess.run(qemu.command(machine)).returncode
