# SPDX-License-Identifier: GPL-2.0
"""What differs from one processor architecture of guests to another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    name: str               # make guest PLATFORM= builds a kernel with this CONFIG; x86: without
    qemu: str               # program in PATH
    build_qemu: str         # what builds that
    machine: int            # e_machine of its ELF programs (linux/elf-em.h)
    image: str              # the kernel's, in its build folder
    build: str              # the build folder of a kernel that is asked for by name
    compiler: str           # of programs for the guest; $CC comes first for this machine's
    console: str            # the guest's terminals: of the kernel,
    control: str            # and of the control channel
    control_port: str       # -device for the latter; "": the second -serial
    debian: str             # Debian's name, where it is not this machine's
    ports: bool             # has I/O ports, and so the counter of instructions


X86 = Arch("x86", "qemu-system-x86_64", "make qemu", 62, "arch/x86/boot/bzImage",
           "build-base", "gcc", "ttyS0", "ttyS1", "", "", True)
# The machine virt has one PL011.
ARM64 = Arch("arm64", "qemu-system-aarch64", "scripts/qemu-build --arm64", 183, "arch/arm64/boot/Image",
             "build-arm64", "aarch64-linux-gnu-gcc", "ttyAMA0", "ttyS0", "pci-serial", "arm64", False)
