# SPDX-License-Identifier: GPL-2.0
"""Kernel packages: what they depend on, what they have, in which order."""

import lzma
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from cvmlab import bzimage, cli, debian, devices, tests
from cvmlab.errors import LabError, Skip


class Cache(unittest.TestCase):
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


class Package(Cache):
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


    def folder(self):
        return os.path.join(self.dir, "lab", "linux-image-x_1_amd64")

    def image(self, release):
        """What a bzImage's header says of its release."""
        head = bytearray(0x300)
        head[0x202:0x206] = b"HdrS"
        struct.pack_into("<H", head, 0x20e, 0x80)
        path = os.path.join(self.dir, "bzImage")
        with open(path, "wb") as file:
            file.write(bytes(head[:0x280]) + release.encode() + b" (who@where) #1\0")
        return path

    def test_modules_of_a_folder(self):
        self.module("nvme")
        release = os.path.join(self.folder(), "lib/modules", self.RELEASE)
        for path in (self.folder(), release, release + "/"):
            modules = debian.modules_of([path])
            self.assertEqual(modules.release, self.RELEASE)
            with tempfile.TemporaryDirectory() as folder:
                self.assertEqual(modules.require_all(["nvme"], folder),
                                 [os.path.join(folder, "nvme.ko")])

    def test_no_modules(self):
        with self.assertRaisesRegex(LabError, "neither a folder nor a package"):
            debian.modules_of([os.path.join(self.dir, "gone")])
        with self.assertRaisesRegex(LabError, "holds no folders lib/modules/RELEASE"):
            debian.modules_of([os.path.join(self.folder(), "boot")])
        with self.assertRaisesRegex(LabError, "one folder, or packages"):
            debian.modules_of([self.folder(), "a.deb"])

    def test_missing_module_is_named(self):
        with self.assertRaisesRegex(LabError, "has no module igb, nor is it built in"):
            debian.modules_of([self.folder()]).require_all(["igb"], self.dir)

    def test_modules_of_another_kernel(self):
        modules = debian.modules_of([self.folder()])
        modules.suit(self.image(self.RELEASE))
        with self.assertRaisesRegex(LabError, "modules of 9.9.0-1-cloud-amd64, "
                                              "but the kernel is 9.9.1"):
            modules.suit(self.image("9.9.1"))

    def test_release_of_no_kernel(self):
        with self.assertRaisesRegex(LabError, "is no bzImage"):
            bzimage.release(self.put("boot/nothing", b"") or
                            os.path.join(self.folder(), "boot/nothing"))


@unittest.skipUnless(shutil.which("dpkg-deb"), "there is no dpkg-deb")
class Built(Cache):
    """A package that is built anew under its name."""

    def build(self, content):
        root = os.path.join(self.dir, "root")
        for name, data in {"DEBIAN/control": "Package: linux-image-y\nVersion: 1\n"
                           "Architecture: all\nMaintainer: a <a@b>\nDescription: none\n",
                           "boot/vmlinuz-9": content,
                           f"lib/modules/{self.RELEASE}/modules.order": ""}.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(data)
        path = os.path.join(self.dir, "linux-image-y_1_all.deb")
        subprocess.run(["dpkg-deb", "-b", root, path], check=True, stdout=subprocess.DEVNULL)
        return path

    def unpacked(self):
        return [name for name in os.listdir(os.path.join(self.dir, "lab")) if "-y_" in name]

    def test_content_decides(self):
        for content in ("one", "two", "two"):
            image = debian.built_image(self.build(content))
            with open(image, encoding="utf-8") as file:
                self.assertEqual(file.read(), content)
            self.assertEqual(len(self.unpacked()), 1)

    def test_files(self):
        files = debian.files(self.build("one"))
        self.assertEqual(sorted(files), ["boot/vmlinuz-9",
                                         f"lib/modules/{self.RELEASE}/modules.order"])

    def test_modules(self):
        self.assertEqual(debian.modules_of([self.build("one")]).release, self.RELEASE)

    def test_modules_of_two_packages(self):
        with open(self.build("one"), "rb") as file:
            self.put("../other_1_all.deb", file.read())
        modules = debian.modules_of([self.build("two"),
                                     os.path.join(self.dir, "lab", "other_1_all.deb")])
        self.assertEqual(modules.release, self.RELEASE)
        with open(os.path.join(modules.root, "boot/vmlinuz-9"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "one")

    def test_kernel_of_the_command_line(self):
        path = self.build("one")
        self.assertTrue(cli.find_kernel(path, None).endswith("/boot/vmlinuz-9"))
        with self.assertRaisesRegex(LabError, "no package at"):
            debian.files(path + ".deb")


class Wanted(unittest.TestCase):
    def test_devices(self):
        self.assertEqual(devices.modules(["virtio-net", "virtio-blk", "edu"]),
                         ["virtio_pci", "virtio_net", "virtio_blk"])

    def test_every_device_that_linux_drives_names_its_modules(self):
        without = {"edu", "edu-external", "dimm"}
        self.assertEqual(set(devices.DEVICES) - set(devices.MODULES), without)

    def test_tests(self):
        self.assertIn("uio_hv_generic", tests.load("hv-uio").modules)
        self.assertEqual(tests.load("boot").modules, [])


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
