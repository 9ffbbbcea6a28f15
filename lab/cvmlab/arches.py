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
    debian: str             # Debian's name
    console: str            # the guest's terminals: of the kernel,
    control: str            # and of the control channel
    control_port: str = ""  # -device for the latter; "": the second -serial
    ports: bool = False     # has I/O ports, and so the counter of instructions


X86 = Arch(
    name="x86", qemu="qemu-system-x86_64", build_qemu="make qemu", machine=62,
    image="arch/x86/boot/bzImage", build="build-base", compiler="gcc", debian="amd64",
    console="ttyS0", control="ttyS1", ports=True)
# The machine virt has one PL011.
ARM64 = Arch(
    name="arm64", qemu="qemu-system-aarch64", build_qemu="scripts/qemu-build --arm64", machine=183,
    image="arch/arm64/boot/Image", build="build-arm64", compiler="aarch64-linux-gnu-gcc",
    debian="arm64", console="ttyAMA0", control="ttyS0", control_port="pci-serial")
