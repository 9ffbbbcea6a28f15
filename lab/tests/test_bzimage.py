# SPDX-License-Identifier: GPL-2.0
"""Kernels out of made-up bzImages."""

import gzip
import lzma
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from cvmlab import bzimage
from cvmlab.errors import LabError, Skip

KERNEL = bzimage.ELF + b"kernel" * 1000


def image(packed):
    header = bytearray(0x1f1) + b"\x01" + bytes(0x10) + b"HdrS"
    header = header.ljust(0x248, b"\0") + struct.pack("<II", 8, len(packed))
    return bytes(header).ljust(1024, b"\0") + b"protcode" + packed + b"rest"


class Unpack(unittest.TestCase):
    def unpack(self, packed):
        return bzimage.unpack(bzimage.payload(image(packed), "x"), "x")

    def test_gzip_and_xz(self):
        size = struct.pack("<I", len(KERNEL))
        self.assertEqual(self.unpack(gzip.compress(KERNEL)), KERNEL)
        self.assertEqual(self.unpack(lzma.compress(KERNEL) + size), KERNEL)

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_zstd(self):
        packed = subprocess.run(["zstd", "-c"], input=KERNEL, capture_output=True,
                                check=True).stdout
        self.assertEqual(self.unpack(packed + b"size"), KERNEL)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(Skip, "x is compressed with neither gzip nor xz nor zstd"):
            self.unpack(b"\x02\x21\x4c\x18lz4")
        for packed, why in ((gzip.compress(b"text"), "no ELF file"),
                            (bzimage.GZIP + b"nonsense", "cannot unpack x"),
                            (bzimage.XZ + b"nonsense", "cannot unpack x")):
            with self.assertRaisesRegex(LabError, why):
                self.unpack(packed)
        with self.assertRaisesRegex(LabError, "x is no bzImage"):
            bzimage.payload(bytes(2048), "x")

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bzImage")
            with open(path, "wb") as file:
                file.write(image(gzip.compress(KERNEL)))
            with open(bzimage.extract(path, folder), "rb") as file:
                self.assertEqual(file.read(), KERNEL)
            with self.assertRaisesRegex(LabError, "cannot unpack /nonexistent"):
                bzimage.extract("/nonexistent", folder)
