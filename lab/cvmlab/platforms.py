# SPDX-License-Identifier: GPL-2.0
"""The table of platforms: what each puts on QEMU's command line.

One row per (platform, accelerator).  With --accel tcg, sev, tdx, hv and hv-vbs
are the emulated platforms of qemu/, on any host; with --accel kvm sev, sev-snp
and tdx stand for the hardware, through a stock QEMU's sev-guest,
sev-snp-guest and tdx-guest objects (QEMU: docs/system/i386/
amd-memory-encryption.rst and tdx.rst, qapi/qom.json).

The emulated machine is -machine pc,smm=off: SeaBIOS is quick on it, and its
devices are the ones that the reference figures were taken with.  CVMs exclude
SMM: it would need to change encrypted register state.

hv is a Hyper-V virtual machine, hv-vbs one with VBS isolation and without a
paravisor: the only kind that needs no SEV or TDX interface beside Hyper-V's.

vtd, vtd-cm (caching mode), amdvi, viommu and smmuv3 are virtual machines with
an emulated IOMMU and most of their memory above 4 GiB. What the IOMMU is asked to
do is counted by QEMU's traces, and read at each mark. smmuv3 is an arm64 guest,
whose QEMU is unmodified.
"""

import os
import struct
from dataclasses import dataclass

from . import arches
from .errors import LabError, Skip

ROOT = "/"      # unit tests point this at a fake /dev and /sys


@dataclass(frozen=True)
class Platform:
    """One row.  object and firmware name how the confidential part is made."""
    name: str
    accel: str
    purpose: str
    machine: str
    cpu: str
    object: str = ""            # with {stats_file} where the emulator writes its stats
    stats: bool = False
    firmware: str = ""          # how --bios is passed: "", "bios" or "pflash"
    memory: str = ""            # backend for guest RAM, with {size}
    parameter: str = ""         # the module parameter that must be Y
    devices: tuple = ()         # what each guest of the platform has
    entry: str = "image"        # "elf": without the image's 16-bit code (bzimage.py)
    append: str = ""            # kernel parameters that each guest of the platform has
    traces: tuple = ()          # QEMU's trace events that are counted (traces.py)
    slots: str = ""             # room for memory that is plugged later: -m SIZE,slots
    arch: arches.Arch = arches.X86
    below_4g: str = ""          # memory that a guest has beside what its test asks for

    @property
    def hyperv(self):
        """True if the guest has a VMBus, for devices that sit on it."""
        return any(device.startswith("vmbus-bridge") for device in self.devices)


# EPYC without what TCG does not have, so that QEMU has no warning to print.
EPYC_TCG = "EPYC,-svm,-fxsr-opt,-misalignsse,-osvw,-topoext,-xsavec"
# What Linux asks of a Hyper-V host before it talks to its VMBus.
EPYC_HV = EPYC_TCG + ",hv-vpindex=on,hv-synic=on,hv-time=on"

# An IOMMU sees PCI Express; with 512 MiB below 4 GiB the rest is above.
IOMMU = {"machine": "q35,smm=off,max-ram-below-4g=512M", "slots": "slots=4,maxmem=16G"}
VTD_TRACES = ("vtd_inv_desc*", "vtd_inv_qi_tail")
VTD_CPU = "max,vendor=GenuineIntel,-svm"

TABLE = (
    Platform("plain", "tcg", "no confidential computing, software CPU",
             "pc,smm=off", EPYC_TCG),
    Platform("sev", "tcg", "emulated AMD SEV guest",
             "pc,smm=off", EPYC_TCG,
             object="cvm-emu,id=cvm0,kind=sev,stats-file={stats_file}", stats=True),
    Platform("tdx", "tcg", "emulated Intel TDX guest",
             "pc,smm=off", "max,vendor=GenuineIntel,-svm",
             object="cvm-emu,id=cvm0,kind=tdx,stats-file={stats_file}", stats=True),
    Platform("hv", "tcg", "emulated Hyper-V guest, no isolation",
             "pc,smm=off", EPYC_HV, devices=("vmbus-bridge",)),
    Platform("hv-vbs", "tcg", "emulated Hyper-V guest with VBS isolation, no paravisor",
             "pc,smm=off", EPYC_HV, devices=("vmbus-bridge",),
             object="cvm-emu,id=cvm0,kind=hyperv-vbs,stats-file={stats_file}", stats=True, entry="elf"),
    Platform("vtd", "tcg", "with an emulated Intel VT-d IOMMU", cpu=VTD_CPU,
             devices=("intel-iommu",), append="intel_iommu=on", traces=VTD_TRACES, **IOMMU),
    Platform("vtd-cm", "tcg", "with an emulated Intel VT-d IOMMU in caching mode", cpu=VTD_CPU,
             devices=("intel-iommu,caching-mode=on",), append="intel_iommu=on", traces=VTD_TRACES,
             **IOMMU),
    Platform("amdvi", "tcg", "with an emulated AMD IOMMU", cpu=EPYC_TCG, devices=("amd-iommu",),
             traces=("amdvi_*_inval", "amdvi_completion_wait"), **IOMMU),
    Platform("viommu", "tcg", "with a virtio IOMMU", cpu=EPYC_TCG, devices=("virtio-iommu-pci",),
             traces=("virtio_iommu_map", "virtio_iommu_unmap", "virtio_queue_notify"), **IOMMU),
    Platform("viommu-33", "tcg", "with a virtio IOMMU of 33 bits: few addresses beside memory",
             cpu=EPYC_TCG, devices=("virtio-iommu-pci,aw-bits=33",), **IOMMU),
    # Three GiB of the machine virt's memory have addresses below 4 GiB.
    Platform("smmuv3", "tcg", "with an emulated Arm SMMUv3", cpu="cortex-a57",
             machine="virt,gic-version=3,iommu=smmuv3", arch=arches.ARM64, below_4g="3G",
             traces=("smmuv3_cmdq_opcode", "smmuv3_cmdq_consume_out")),
    Platform("sev-viommu", "tcg", "emulated AMD SEV guest with a virtio IOMMU", cpu=EPYC_TCG,
             object="cvm-emu,id=cvm0,kind=sev,stats-file={stats_file}", stats=True,
             machine=IOMMU["machine"], devices=("virtio-iommu-pci,iommu_platform=on",)),
    Platform("plain", "kvm", "no confidential computing, on this host's CPU",
             "q35,smm=off", "host"),
    Platform("sev", "kvm", "AMD SEV guest on this host's hardware",
             "q35,smm=off", "EPYC",
             object="sev-guest,id=cvm0,cbitpos={cbitpos},reduced-phys-bits=1,"
                    "policy=0x1{hashes}",
             firmware="pflash", parameter="kvm_amd/parameters/sev"),
    Platform("sev-snp", "kvm", "AMD SEV-SNP guest on this host's hardware",
             "q35,smm=off", "EPYC-v4",
             object="sev-snp-guest,id=cvm0,cbitpos={cbitpos},reduced-phys-bits=1,"
                    "policy=0x30000{hashes}",
             firmware="bios", parameter="kvm_amd/parameters/sev_snp",
             memory="memory-backend-memfd,id=ram0,size={size},share=true,prealloc=false"),
    Platform("tdx", "kvm", "Intel TDX guest on this host's hardware",
             "q35,smm=off,kernel-irqchip=split", "host",
             object="tdx-guest,id=cvm0",
             firmware="bios", parameter="kvm_intel/parameters/tdx",
             memory="memory-backend-ram,id=ram0,size={size}"),
)


def names(accel=None):
    return list(dict.fromkeys(p.name for p in TABLE if accel in (None, p.accel)))


def find(name, accel="tcg"):
    """Look a platform up; the error lists what exists."""
    for platform in TABLE:
        if (platform.name, platform.accel) == (name, accel):
            return platform
    if name in names():
        other = [p.accel for p in TABLE if p.name == name]
        raise LabError(f"platform {name} exists only with --accel {' or '.join(other)}")
    raise LabError(f"unknown platform '{name}'; there are: {' '.join(names())}")


def require_host(platform):
    """Raise Skip with the reason why this host cannot run the platform."""
    if platform.accel != "kvm":
        return
    device = os.path.join(ROOT, "dev/kvm")
    if not os.path.exists(device):
        raise Skip("/dev/kvm is missing: no virtualization on this host, or kvm is not loaded")
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as err:
        raise Skip(f"/dev/kvm cannot be opened: {err.strerror}") from None
    if not platform.parameter:
        return
    path = os.path.join(ROOT, "sys/module", platform.parameter)
    shown = "/sys/module/" + platform.parameter
    try:
        with open(path, encoding="ascii") as file:
            value = file.read().strip()
    except OSError:
        raise Skip(f"{shown} is missing: this host has no {platform.name} support") from None
    if value not in ("Y", "1"):
        raise Skip(f"{shown} is {value}: {platform.name} is switched off on this host")


def host_cbit():
    """The host's C-bit position: CPUID 0x8000001f EBX[5:0] (AMD APM vol. 3).

    51 is what every SNP-capable EPYC (Milan and later) has; used when the
    cpuid device is not readable.
    """
    try:
        with open(os.path.join(ROOT, "dev/cpu/0/cpuid"), "rb", buffering=0) as file:
            file.seek(0x8000001F)
            return struct.unpack("<4I", file.read(16))[1] & 0x3F
    except (OSError, struct.error):
        return 51
