# SPDX-License-Identifier: GPL-2.0
"""Kernel packages: what they depend on, what they have, in which order."""

import lzma
import os
import tempfile
import unittest

from cvmlab import debian
from cvmlab.errors import LabError, Skip


class Package(unittest.TestCase):
    """A made-up unpacked package in a made-up cache."""

    RELEASE = "9.9.0-1-cloud-amd64"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        saved = os.environ.get("CACHE")
        os.environ["CACHE"] = self.dir = folder.name
        self.addCleanup(lambda: os.environ.__setitem__("CACHE", saved) if saved
                        else os.environ.pop("CACHE"))
        self.put(f"boot/vmlinuz-{self.RELEASE}", b"kernel")
        self.put(f"lib/modules/{self.RELEASE}/modules.order", b"")
        self.put(f"boot/config-{self.RELEASE}",
                 b"# CONFIG_INTEL_TDX_GUEST is not set\nCONFIG_AMD_MEM_ENCRYPT=y\n")

    def put(self, path, data):
        path = os.path.join(self.dir, "lab", "linux-image-x_1_amd64", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def module(self, name, needs="", packed=False):
        data = b"\x7fELF..\0alias=x\0depends=" + needs.encode() + b"\0name=y\0"
        path = f"lib/modules/{self.RELEASE}/kernel/{name}.ko"
        self.put(path + ".xz" if packed else path, lzma.compress(data) if packed else data)

    def kernel(self):
        return debian.Kernel(["/x/linux-image-x_1_amd64.deb"])

    def names(self, wanted):
        with tempfile.TemporaryDirectory() as folder:
            paths, missing = self.kernel().modules(wanted, folder)
            return [os.path.basename(p) for p in paths], missing

    def test_missing_option_is_a_skip_that_names_it(self):
        self.kernel().require("sev")
        with self.assertRaisesRegex(Skip, "CONFIG_INTEL_TDX_GUEST is not set in Debian's 9.9"):
            self.kernel().require("tdx")

    def test_hyperv_may_be_a_module(self):
        with self.assertRaisesRegex(Skip, "CONFIG_HYPERV is not set"):
            self.kernel().require("hv-vbs")
        self.put(f"boot/config-{self.RELEASE}", b"CONFIG_HYPERV=m\n")
        self.kernel().require("hv")
        with self.assertRaisesRegex(Skip, "CONFIG_AMD_MEM_ENCRYPT is not set"):
            self.kernel().require("hv-vbs")

    def test_order_follows_depends(self):
        self.module("virtio_blk", "virtio,virtio_ring", packed=True)
        self.module("virtio_ring", "virtio")
        self.module("virtio")
        self.module("virtio-pci", "virtio,virtio-ring")
        self.assertEqual(self.names(["virtio_pci", "virtio_blk"]),
                         (["virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_blk.ko"], []))

    def test_builtin_is_not_loaded_and_absent_is_missing(self):
        self.put(f"lib/modules/{self.RELEASE}/modules.builtin", b"kernel/drivers/nvme/nvme.ko\n")
        self.module("a", "gone")
        self.assertEqual(self.names(["nvme"]), ([], []))
        self.assertEqual(self.names(["virtio_blk"])[1], ["virtio_blk"])
        self.assertEqual(self.names(["a"])[1], ["a"])

    def test_no_kernel_inside(self):
        os.unlink(self.kernel().image)
        with self.assertRaisesRegex(LabError, "no vmlinuz"):
            self.kernel()


class Metapackage(unittest.TestCase):
    def test_image(self):
        self.assertEqual(debian.image_of("linux-base (= 1), linux-image-7.2-cloud-amd64 (= 2)"),
                         "linux-image-7.2-cloud-amd64")

    def test_parts(self):
        self.assertEqual(debian.parts_of("linux-base (>= 4), linux-base-7.2-a (= 1), "
                                         "linux-modules-7.2-a (= 1)"),
                         ["linux-base-7.2-a", "linux-modules-7.2-a"])

    def test_none(self):
        with self.assertRaisesRegex(LabError, "no kernel image"):
            debian.image_of("linux-base")
