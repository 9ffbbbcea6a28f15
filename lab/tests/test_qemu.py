# SPDX-License-Identifier: GPL-2.0
"""QEMU command lines, platforms and what this host has."""

import os
import tempfile
import unittest
from unittest import mock

from cvmlab import arches, devices, platforms, qemu, shell
from cvmlab.errors import LabError, Skip


def machine(name, accel="tcg", **more):
    base = dict(platform=platforms.find(name, accel), qemu="qemu", kernel="bzImage",
                initrd="initramfs", append="console=ttyS0", console="c.log",
                stats_file="stats.json")
    return qemu.Machine(**{**base, **more})


def value(args, option):
    """All values of an option, in order."""
    return [args[i + 1] for i, arg in enumerate(args) if arg == option]


class Emulated(unittest.TestCase):
    def test_plain_has_no_confidential_object(self):
        args = qemu.command(machine("plain"))
        self.assertEqual(value(args, "-machine"), ["pc,smm=off"])
        self.assertEqual(value(args, "-object"), [])
        self.assertEqual(value(args, "-accel"), ["tcg,thread=multi"])

    def test_sev_and_tdx(self):
        for kind in ("sev", "tdx"):
            args = qemu.command(machine(kind))
            self.assertEqual(value(args, "-machine"),
                             ["pc,smm=off,confidential-guest-support=cvm0"])
            self.assertEqual(value(args, "-object"),
                             [f"cvm-emu,id=cvm0,kind={kind},stats-file=stats.json"])

    def test_hyperv(self):
        args = qemu.command(machine("hv"))
        self.assertEqual(value(args, "-device"), ["vmbus-bridge"])
        self.assertEqual(value(args, "-object"), [])
        self.assertIn("hv-synic=on", value(args, "-cpu")[0])
        args = qemu.command(machine("hv-vbs", devices=["hv-net"]))
        self.assertEqual(value(args, "-object"),
                         ["cvm-emu,id=cvm0,kind=hyperv-vbs,stats-file=stats.json"])
        self.assertEqual(value(args, "-device")[0], "vmbus-bridge")
        self.assertEqual(value(args, "-machine"),
                         ["pc,smm=off,confidential-guest-support=cvm0"])

    def test_root_on_a_disk_has_no_initramfs(self):
        args = qemu.command(machine("hv", initrd="", devices=["hv-root"],
                                    disks={"hv-root": "root.img"}))
        self.assertNotIn("-initrd", args)
        self.assertIn("file.filename=root.img", value(args, "-blockdev")[0])

    def test_arm64(self):
        args = qemu.command(machine("smmuv3", append="console=ttyAMA0"), control_fd=7)
        self.assertEqual(value(args, "-machine"), ["virt,gic-version=3,iommu=smmuv3"])
        self.assertEqual(value(args, "-serial"), ["chardev:console"])
        self.assertEqual(value(args, "-device"), ["pci-serial,chardev=control"])

    def test_shell(self):
        with mock.patch.object(shell.subprocess, "run") as run, \
                mock.patch.object(shell.initramfs, "build", return_value=b""), \
                mock.patch.object(shell.busybox, "find"), \
                mock.patch.object(shell.qemu, "find_qemu", return_value="qemu"):
            shell.run(platforms.find("hv"), "bzImage", mock.MagicMock(
                memory="", cpus=0, cpu="", firmware="", bios="", append="", object_extra=""))
        args = run.call_args[0][0]
        for driver in ("nvme", "virtio-net-pci", "edu", "hv-net"):
            self.assertRegex(" ".join(value(args, "-device")), rf"(^| ){driver},")
        self.assertIn("console=ttyS0", value(args, "-append")[0])

    def test_object_extra(self):
        args = qemu.command(machine("sev", object_extra="strict=on"))
        self.assertTrue(value(args, "-object")[0].endswith(",strict=on"))

    def test_commas_in_paths_are_doubled(self):
        args = qemu.command(machine("sev", stats_file="a,b.json", console="c,d"))
        self.assertIn("stats-file=a,,b.json", value(args, "-object")[0])
        self.assertIn("path=c,,d", value(args, "-chardev")[0])

    def test_channels(self):
        args = qemu.command(machine("plain"), control_fd=7, qmp_fd=8)
        self.assertEqual(value(args, "-serial"), ["chardev:console", "chardev:control"])
        self.assertIn("socket,id=control,fd=7", value(args, "-chardev"))
        self.assertEqual(value(args, "-mon"), ["chardev=qmp,mode=control"])

    def test_nodes(self):
        args = qemu.command(machine("sev", memory="4096M", nodes=["3G", "1G"], cpus=3))
        self.assertEqual(value(args, "-object")[1:], ["memory-backend-ram,id=ram0,size=3G",
                                                      "memory-backend-ram,id=ram1,size=1G"])
        self.assertEqual(value(args, "-numa"), ["node,nodeid=0,memdev=ram0,cpus=0,cpus=2",
                                                "node,nodeid=1,memdev=ram1,cpus=1"])
        self.assertEqual(value(args, "-m"), ["4096M"])
        self.assertEqual(value(args, "-smp"), ["3,sockets=3"])

    def test_reboot(self):
        self.assertIn("-no-reboot", qemu.command(machine("plain")))
        self.assertNotIn("-no-reboot", qemu.command(machine("plain", reboot=True)))


class InstructionCount(unittest.TestCase):
    def test_command_line(self):
        args = qemu.command(machine("sev", cpus=1, icount=True))
        self.assertEqual(value(args, "-accel"), ["tcg,thread=single"])
        self.assertEqual(value(args, "-icount"), ["shift=0,sleep=off"])
        self.assertEqual(value(args, "-device"), ["isa-insn-count,iobase=0x5c0"])
        self.assertNotIn("-icount", qemu.command(machine("sev")))

    def test_one_processor(self):
        with self.assertRaisesRegex(LabError, "one processor, not 2"):
            qemu.require_insn_count(machine("plain", icount=True))

    def test_what_cannot_count_skips(self):
        with self.assertRaisesRegex(Skip, "--accel tcg"):
            qemu.require_insn_count(machine("sev", "kvm", cpus=1))
        with self.assertRaisesRegex(Skip, "has no device isa-insn-count; 'make qemu'"):
            qemu.require_insn_count(machine("plain", cpus=1, qemu="true"))
        with self.assertRaisesRegex(LabError, "cannot ask /nonexistent"):
            qemu.require_insn_count(machine("plain", cpus=1, qemu="/nonexistent"))


class Devices(unittest.TestCase):
    def test_no_network_reaches_out(self):
        args = devices.arguments(["virtio-net", "e1000e", "igb"], {})
        self.assertEqual(len(value(args, "-netdev")), 3)
        for netdev in value(args, "-netdev"):
            self.assertRegex(netdev, "^user,.*restrict=on")

    def test_a_pair_shares_a_hub(self):
        hubs = []
        for name in devices.PAIR:
            args = devices.arguments([name], {})
            pair = value(args, "-netdev")
            self.assertEqual(len(pair), 2)
            ports = {netdev.rpartition(",hubid=")[2] for netdev in pair}
            self.assertEqual(len(ports), 1)
            hubs += ports
            for mac, device in zip(devices.PAIR[name], value(args, "-device"), strict=True):
                self.assertIn(f"mac={mac}", device)
        self.assertEqual(len(set(hubs)), len(hubs))

    def test_what_a_platform_has_no_bus_for_is_left_out(self):
        names = ["nvme", "hv-scsi", "hv-net"]
        self.assertEqual(devices.suiting(names, platforms.find("sev")), ["nvme"])
        for name in ("hv", "hv-vbs"):
            self.assertEqual(devices.suiting(names, platforms.find(name)), names)

    def test_unplugged_device_takes_what_sits_on_it(self):
        parts = devices.pluggable(["hv-net-pair", "hv-scsi"], "hv-scsi")
        self.assertEqual([part["driver"] for part in parts], ["hv-scsi", "scsi-hd"])
        self.assertEqual(parts[1]["serial"], "hv-scsi")
        parts = devices.pluggable(["hv-net-pair"], "hv-net-b")
        self.assertEqual([part["netdev"] for part in parts], ["hv-net-pair-b"])
        self.assertEqual(devices.pluggable(["hv-net-pair"], "hv-scsi"), [])

    def test_virtio_uses_the_dma_api(self):
        args = devices.arguments(["virtio-blk", "virtio-net", "virtio-rng"],
                                 {"virtio-blk": "/x"})
        for device in value(args, "-device"):
            self.assertIn("iommu_platform=on", device)

    def test_disks(self):
        self.assertEqual(devices.disks(["e1000e", "nvme", "virtio-blk"]),
                         ["nvme", "virtio-blk"])

    def test_disks_that_answer_at_once(self):
        args = devices.arguments(["virtio-blk", "nvme", "hv-scsi"],
                                 {"virtio-blk": "/x", "nvme": "/y", "hv-scsi": "/z"}, True)
        for drive in value(args, "-drive") + value(args, "-blockdev"):
            self.assertIn("driver=null-co,size=67108864,", drive)
            self.assertNotIn("file=", drive)
        self.assertIn("ioeventfd=off", value(args, "-device")[0])
        self.assertNotIn("null", str(devices.arguments(["nvme"], {"nvme": "/y"})))

    def test_unknown(self):
        with self.assertRaisesRegex(LabError, "unknown device 'floppy'; there are: virtio-blk"):
            devices.check(["floppy"])


class Kvm(unittest.TestCase):
    def test_sev(self):
        args = qemu.command(machine("sev", "kvm", bios="OVMF.fd"))
        self.assertEqual(value(args, "-accel"), ["kvm"])
        self.assertRegex(value(args, "-object")[0],
                         r"^sev-guest,id=cvm0,cbitpos=\d+,reduced-phys-bits=1,policy=0x1,"
                         r"kernel-hashes=on$")
        self.assertEqual(value(args, "-drive"),
                         ["if=pflash,format=raw,unit=0,readonly=on,file=OVMF.fd"])
        self.assertNotIn("-bios", args)

    def test_snp(self):
        args = qemu.command(machine("sev-snp", "kvm", bios="OVMF.fd", memory="8G"))
        self.assertEqual(value(args, "-machine"),
                         ["q35,smm=off,confidential-guest-support=cvm0,memory-backend=ram0"])
        self.assertTrue(value(args, "-object")[0].startswith("sev-snp-guest,id=cvm0,"))
        self.assertIn("memory-backend-memfd,id=ram0,size=8G", value(args, "-object")[1])
        self.assertEqual(value(args, "-bios"), ["OVMF.fd"])     # SNP cannot use pflash
        self.assertEqual(value(args, "-drive"), [])

    def test_tdx(self):
        args = qemu.command(machine("tdx", "kvm", bios="TDVF.fd"))
        self.assertIn("kernel-irqchip=split", value(args, "-machine")[0])
        self.assertEqual(value(args, "-object")[0], "tdx-guest,id=cvm0")
        self.assertEqual(value(args, "-cpu"), ["host"])

    def test_firmware_is_needed(self):
        with self.assertRaisesRegex(LabError, "needs --bios"):
            qemu.command(machine("tdx", "kvm"))

    def test_stats_only_with_the_emulator(self):
        for row in platforms.TABLE:
            self.assertEqual(row.stats, row.object.startswith("cvm-emu"), row)


class FakeHost(unittest.TestCase):
    """require_host() against a made-up /dev and /sys."""

    def setUp(self):
        self.root = tempfile.TemporaryDirectory()
        self.addCleanup(self.root.cleanup)
        platforms.ROOT, self.saved = self.root.name, platforms.ROOT
        self.addCleanup(setattr, platforms, "ROOT", self.saved)

    def put(self, path, content):
        path = os.path.join(self.root.name, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(content)

    def reason(self, name):
        with self.assertRaises(Skip) as caught:
            platforms.require_host(platforms.find(name, "kvm"))
        return str(caught.exception)

    def test_no_kvm(self):
        self.assertIn("/dev/kvm is missing", self.reason("plain"))

    def test_no_module(self):
        self.put("dev/kvm", "")
        self.assertIn("/sys/module/kvm_amd/parameters/sev_snp is missing",
                      self.reason("sev-snp"))

    def test_switched_off(self):
        self.put("dev/kvm", "")
        self.put("sys/module/kvm_intel/parameters/tdx", "N\n")
        self.assertIn("parameters/tdx is N", self.reason("tdx"))

    def test_there(self):
        self.put("dev/kvm", "")
        self.put("sys/module/kvm_amd/parameters/sev", "Y\n")
        platforms.require_host(platforms.find("sev", "kvm"))

    def test_tcg_needs_nothing(self):
        platforms.require_host(platforms.find("sev"))


class Lookup(unittest.TestCase):
    def test_unknown_platform(self):
        with self.assertRaisesRegex(LabError, "there are: plain sev tdx hv hv-vbs vtd vtd-cm amdvi viommu viommu-33 smmuv3 sev-viommu sev-snp"):
            platforms.find("sgx")

    def test_wrong_accelerator(self):
        with self.assertRaisesRegex(LabError, "only with --accel kvm"):
            platforms.find("sev-snp", "tcg")

    def test_no_qemu(self):
        with self.assertRaisesRegex(LabError, "no QEMU at /nonexistent"):
            qemu.find_qemu("/nonexistent")
        with mock.patch.object(qemu.shutil, "which", return_value=None):
            with self.assertRaisesRegex(LabError, "build one with 'scripts/qemu-build --arm64'"):
                qemu.find_qemu("", arches.ARM64)

    def test_the_environment_names_a_qemu_for_x86(self):
        with mock.patch.dict(os.environ, CVM_QEMU="/bin/true"), \
                mock.patch.object(qemu.shutil, "which", side_effect=lambda name: "/found/" + name):
            self.assertEqual(qemu.find_qemu(""), "/found//bin/true")
            self.assertEqual(qemu.find_qemu("", arches.ARM64), "/found/qemu-system-aarch64")
