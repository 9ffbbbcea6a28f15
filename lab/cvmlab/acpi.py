# SPDX-License-Identifier: GPL-2.0
"""An ACPI table that QEMU does not make: a root port that faces outwards.

Behind such a port Linux takes each device for untrusted.  Firmware says so by
a property of the port's device object (_DSD, a package of a UUID and of pairs
of name and value); the numbers are those of the ACPI specification, chapters
5.2.6 (table header), 20.2 (AML) and 6.2.5 (_DSD).
"""

import struct
import uuid

# Which properties the package has: that of ports which face outwards
EXTERNAL_FACING = uuid.UUID("efcc06cc-73ac-4bc3-bff0-76143807c389")
SCOPE, NAME, PACKAGE, BUFFER, STRING, BYTE, ONE = 0x10, 0x08, 0x12, 0x11, 0x0D, 0x0A, 0x01
ROOT, MULTI_NAME = b"\\", 0x2F


def _sized(opcode, body):
    """opcode, the length of what follows, body: one or two bytes of length."""
    if len(body) + 1 < 64:
        return bytes([opcode, len(body) + 1]) + body
    size = len(body) + 2
    return bytes([opcode, 0x40 | size & 15, size >> 4]) + body


def _package(*elements):
    return _sized(PACKAGE, bytes([len(elements)]) + b"".join(elements))


def _path(*names):
    padded = b"".join(name.encode().ljust(4, b"_") for name in names)
    return ROOT + bytes([MULTI_NAME, len(names)]) + padded


def external_port(slot):
    """The table for the root port at that slot of bus 0.  Return: its bytes."""
    path = _path("_SB", "PCI0", f"S{slot << 3:02X}")
    guid = _sized(BUFFER, bytes([BYTE, 16]) + EXTERNAL_FACING.bytes_le)
    true = _package(bytes([STRING]) + b"ExternalFacingPort\0", bytes([ONE]))
    body = _sized(SCOPE, path + bytes([NAME]) + b"_DSD" + _package(guid, _package(true)))
    head = struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36 + len(body), 2, 0,
                       b"CVMLAB", b"EXTPORT ", 1, b"CVML", 1)
    table = bytearray(head + body)
    table[9] = -sum(table) & 0xFF       # all bytes add up to 0
    return bytes(table)
