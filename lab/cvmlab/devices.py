# SPDX-License-Identifier: GPL-2.0
"""Devices that a guest test can ask for by name.

No network interface reaches the outside: each has a user network of its own
with restrict=on, which is enough for link-up and for the buffers that a driver
maps.  The two interfaces of a pair are joined by a hub inside QEMU: what one
sends the other receives, so that real traffic passes through both.
"""

from .errors import LabError

# A CVM's virtio devices must use the DMA API, which is what iommu_platform=on
# (VIRTIO_F_ACCESS_PLATFORM) asks for; the legacy interface cannot.
VIRTIO = "iommu_platform=on,disable-legacy=on"

# The two of a pair are told apart by their addresses (pair_interface in lib.sh).
PAIR = {"hv-net-pair": ("52:54:00:68:76:01", "52:54:00:68:76:02"),
        "virtio-net-pair": ("52:54:00:76:69:01", "52:54:00:76:69:02"),
        "e1000e-pair": ("52:54:00:82:74:01", "52:54:00:82:74:02"),
        "igb-pair": ("52:54:00:82:76:01", "52:54:00:82:76:02")}


def _pair(name, hub, driver, more=("", "")):
    """Two interfaces on one hub; driver: their -device, without its ends; more:
    what only one of them has."""
    args = []
    for end, mac, own in zip("ab", PAIR[name], more):
        args += ["-netdev", f"hubport,id={name}-{end},hubid={hub}",
                 "-device", driver.format(ends=f"netdev={name}-{end},mac={mac}", end=end) + own]
    return args


def _hv_scsi(serial):
    """A controller with one disk.  -blockdev, because a -drive goes away with
    the device that is unplugged."""
    return ["-blockdev", f"driver=raw,node-name={serial},file.driver=file,file.filename={{disk}}",
            "-device", f"hv-scsi,id={serial}",
            "-device", f"scsi-hd,id={serial}-disk,bus={serial}.0,drive={serial},serial={serial}"]


EXTERNAL_SLOT = 0x1e
# name -> (arguments, needs a scratch disk, or another file)
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
    # A disk whose requests stay in flight: it answers what comes first, 1 MiB for
    # the kernel that looks for partitions, and then one byte a second.  QEMU does
    # not wait for the rest when it ends.
    "held": (["-drive", "if=none,id=held,driver=null-co,size=67108864,read-zeroes=on,"
                        "throttling.bps-read=1,throttling.bps-read-max=1048576",
              "-device", f"virtio-blk-pci,drive=held,serial=held,{VIRTIO}"], False),
    "virtio-net-pair": (_pair("virtio-net-pair", 1, "virtio-net-pci,id=virtio-net-{end},{ends},"
                              f"romfile=,{VIRTIO}"), False),
    "e1000e-pair": (_pair("e1000e-pair", 3, "e1000e,id=e1000e-{end},{ends},romfile="), False),
    # The virtual functions of an igb are 16 slots further on.
    "igb-pair": (_pair("igb-pair", 4, "igb,id=igb-{end},{ends},romfile=",
                       (",addr=0x8", ",addr=0xa")), False),
    # QEMU's device for teaching, which copies where it is told (docs/specs/edu.rst)
    "edu": (["-device", "edu,dma_mask=0xffffffffffffffff"], False),
    # The same behind a port that faces outwards, which acpi.py's table says.
    "edu-external": (["-device", f"pcie-root-port,id=external,chassis=9,addr={EXTERNAL_SLOT:#x}",
                      "-device", "edu,bus=external,dma_mask=0xffffffffffffffff",
                      "-acpitable", "file={disk}"], True),
    # Memory that can be unplugged and plugged.
    "dimm": (["-object", "memory-backend-ram,id=dimm-mem,size=1G",
              "-device", "pc-dimm,id=dimm,memdev=dimm-mem"], False),
    # Memory that its driver manages: parts of it may go away while it is online.
    "virtio-mem": (["-object", "memory-backend-ram,id=virtio-mem-mem,size=1G",
                    "-device", "virtio-mem-pci,id=virtio-mem,memdev=virtio-mem-mem,"
                               f"requested-size=1G,{VIRTIO}"], False),
    "hv-scsi": (_hv_scsi("hv-scsi"), True),
    "hv-root": (_hv_scsi("hv-root"), True),     # its content: lab/cvmlab/rootdisk.py
    "hv-net": (["-netdev", "user,id=net-hv,restrict=on",
                "-device", "hv-net,id=hv-net,netdev=net-hv,mac=52:54:00:68:76:00"], False),
    "hv-net-pair": (_pair("hv-net-pair", 2, "hv-net,id=hv-net-{end},{ends}"), False),
}
ROOT = "hv-root"
EXTERNAL = "edu-external"

# What drives a device where the kernel has it as a module.
VIRTIO_BLK, VIRTIO_NET = ("virtio_pci", "virtio_blk"), ("virtio_pci", "virtio_net")
HV_SCSI, HV_NET = ("hv_vmbus", "hv_storvsc", "sd_mod"), ("hv_vmbus", "hv_netvsc")
MODULES = {"virtio-blk": VIRTIO_BLK, "held": VIRTIO_BLK, "nvme": ("nvme",),
           "virtio-net": VIRTIO_NET, "virtio-net-pair": VIRTIO_NET,
           "e1000e": ("e1000e",), "e1000e-pair": ("e1000e",),
           "igb": ("igb",), "igb-pair": ("igb",), "virtio-rng": ("virtio_pci", "virtio_rng"),
           "virtio-mem": ("virtio_pci", "virtio_mem"), "hv-scsi": HV_SCSI, "hv-root": HV_SCSI,
           "hv-net": HV_NET, "hv-net-pair": HV_NET}


def on_vmbus(name):
    return name.startswith("hv-")


def check(names):
    for name in names:
        if name not in DEVICES:
            raise LabError(f"unknown device '{name}'; there are: {' '.join(DEVICES)}")


def suiting(names, platform):
    """The devices among names that the platform has a bus for."""
    check(names)
    return [name for name in names if platform.hyperv or not on_vmbus(name)]


def pluggable(names, ident):
    """What to plug for QEMU's device ident, which is among the devices names:
    its properties, then those of what sits on it.  Unplugged, it takes that
    with it.  Empty: there is none."""
    found = [_properties(value) for name in names
             for option, value in zip(DEVICES[name][0], DEVICES[name][0][1:])
             if option == "-device"]
    return ([part for part in found if part.get("id") == ident] +
            [part for part in found if part.get("bus", "").startswith(ident + ".")])


def _properties(text):
    """A -device argument as QMP's device_add wants it."""
    driver, _, rest = text.partition(",")
    return {"driver": driver, **dict(pair.split("=", 1) for pair in rest.split(","))}


def modules(names):
    """The modules that drive the devices among names, each once."""
    return list(dict.fromkeys(module for name in names for module in MODULES.get(name, ())))


def disks(names):
    """The devices among names that carry a scratch disk."""
    check(names)
    return [name for name in names if DEVICES[name][1] and name != EXTERNAL]


# Instead of a file, where instructions are counted: a read is done at once.
# Else the guest idles through as many timers as the host's disk gives it time
# for, and each costs instructions.
NULL_DISK = "driver=null-co,size=67108864,read-zeroes=on"
FILE_DISKS = (("format=raw,cache=writeback,file={disk}", NULL_DISK),
              ("driver=raw,", NULL_DISK + ","),
              (",file.driver=file,file.filename={disk}", ""),
              ("virtio-blk-pci,", "virtio-blk-pci,ioeventfd=off,"))


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
                for file, null in FILE_DISKS:
                    item = item.replace(file, null)
            args.append(item.format(disk=path))
    return args
