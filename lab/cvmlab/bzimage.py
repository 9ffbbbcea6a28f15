# SPDX-License-Identifier: GPL-2.0
"""The kernel proper out of a bzImage, for an entry without 16-bit code.

That code tells of a VGA text console wherever it runs. In an isolated Hyper-V
guest, a kernel with CONFIG_VGA_CONSOLE then shares the VGA window with its host
before it has set up what Hyper-V's call for it needs, and faults. Such guests
boot by UEFI and have no VGA; neither has one that QEMU starts at the PVH note
of the ELF file (CONFIG_PVH) that every bzImage holds, compressed.
"""

import lzma
import os
import struct
import subprocess
import zlib

from .errors import LabError, Skip

ZSTD = b"\x28\xb5\x2f\xfd"      # RFC 8878, 3.1.1
XZ, GZIP = b"\xfd7zXZ\0", b"\x1f\x8b"
ELF = b"\x7fELF"


def payload(image, name):
    """The compressed kernel (Linux: Documentation/arch/x86/boot.rst,
    payload_offset); the size of what comes out may follow it."""
    if image[0x202:0x206] != b"HdrS" or len(image) < 0x250:
        raise LabError(f"{name} is no bzImage")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1f1] or 4) + 1) * 512 + offset
    return image[start:start + length]


def release(path):
    """The kernel's release, as uname -r says it (the same document,
    kernel_version)."""
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            image = file.read(0x10000)
    except OSError as err:
        raise LabError(f"cannot read {path}: {err.strerror}") from None
    if image[0x202:0x206] != b"HdrS":
        raise LabError(f"{name} is no bzImage")
    start = struct.unpack_from("<H", image, 0x20e)[0] + 512
    return image[start:].partition(b"\0")[0].partition(b" ")[0].decode("ascii", "replace")


def unpack(packed, name):
    """Return: the ELF file, out of what payload() returned."""
    try:
        if packed.startswith(GZIP):
            data = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(packed)
        elif packed.startswith(XZ):
            data = lzma.LZMADecompressor().decompress(packed)
        elif packed.startswith(ZSTD):
            data = subprocess.run(["zstd", "-dc"], input=packed[:-4], capture_output=True,
                                  check=True).stdout
        else:
            raise Skip(f"{name} is compressed with neither gzip nor xz nor zstd: it cannot be "
                       "unpacked for an entry without VGA")
    except (zlib.error, lzma.LZMAError, subprocess.CalledProcessError) as err:
        raise LabError(f"cannot unpack {name}: {err}") from None
    except OSError as err:
        raise LabError(f"cannot run zstd for {name}: {err.strerror}; "
                       "it is in package zstd") from None
    if not data.startswith(ELF):
        raise LabError(f"{name} holds no ELF file")
    return data


def extract(image, folder):
    """Write a bzImage's ELF file into folder.  Return: its path."""
    path = os.path.join(folder, "vmlinux")
    name = os.path.basename(image)
    try:
        with open(image, "rb") as file:
            data = unpack(payload(file.read(), name), name)
        with open(path, "wb") as file:
            file.write(data)
    except OSError as err:
        raise LabError(f"cannot unpack {image}: {err.strerror}") from None
    return path
