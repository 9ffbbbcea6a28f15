# SPDX-License-Identifier: GPL-2.0
"""Traces, figures and targets of emulated IOMMUs, out of what is made up."""

import os
import tempfile
import unittest
from unittest import mock

from cvmlab import acpi, bench, devices, figures_iommu, guest, platforms, qemu, traces
from cvmlab.errors import LabError
from report import iommu

LINES = """vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0xffffd000 mask 0x0
vtd_inv_qi_tail write tail 12
31415@1234.567890:vtd_inv_qi_tail write tail 14
qemu-system-x86_64: warning: something else
virtio_iommu_map domain=1 virt_start=0x1000 virt_end=0x2fff phys_start=0x8000 flags=2
virtio_iommu_map domain=1 virt_start=0x5000 virt_end=0x5fff phys_start=0x9000 flags=1
virtio_iommu_map domain=2 virt_start=0x1000 virt_end=0x1fff phys_start=0x8000 flags=3
"""


class Traces(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "trace.log")

    def put(self, text, mode="a"):
        with open(self.path, mode, encoding="ascii") as file:
            file.write(text)

    def test_counts_and_what_is_writable(self):
        self.put(LINES)
        found = traces.Counter(self.path).read()
        self.assertEqual(found["vtd_inv_qi_tail"], 2)
        self.assertEqual(found["vtd_inv_desc_iotlb_pages"], 1)
        self.assertEqual(found["virtio_iommu_map"], 3)
        self.assertEqual(found["writable-bytes"], 3 * 4096)
        self.assertEqual(found["writable-peak"], 3 * 4096)
        self.assertEqual(len(found), 5)

    def test_grows(self):
        self.put(LINES)
        counter = traces.Counter(self.path)
        counter.read()
        self.put("vtd_inv_qi_tail write tail 15\n"
                 "virtio_iommu_unmap domain=1 virt_start=0x0 virt_end=0xffff\n")
        found = counter.read()
        self.assertEqual(found["vtd_inv_qi_tail"], 3)
        self.assertEqual(found["writable-bytes"], 4096)
        self.assertEqual(found["writable-peak"], 3 * 4096)
        self.assertEqual(counter.read()["writable-peak"], 4096)

    def test_commands_of_an_smmu(self):
        self.put("smmuv3_cmdq_opcode <--- SMMU_CMD_TLBI_NH_VA\n"
                 "smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC\nsmmuv3_cmdq_consume_out prod:2, cons:2\n")
        found = traces.Counter(self.path).read()
        self.assertEqual({name: found[name] for name in found if "writable" not in name},
                         {"SMMU_CMD_TLBI_NH_VA": 1, "SMMU_CMD_SYNC": 1,
                          "smmuv3_cmdq_consume_out": 1})

    def test_no_file(self):
        with self.assertRaisesRegex(LabError, "QEMU's trace"):
            traces.Counter(self.path).read()

    def test_command_line(self):
        args = qemu.command(qemu.Machine(platforms.find("vtd"), "qemu", "bzImage", "i",
                                         trace="t.log"))
        self.assertEqual(args[args.index("-D") + 1], "t.log")
        self.assertIn("vtd_inv_qi_tail", args)
        self.assertIn("4G,slots=4,maxmem=16G", args)


def outcomes(requests=0, to=200, from_=900):
    sent = {f"{what}.{work}.x1000": str(requests) for what in ("requests", "wakes")
            for work in figures_iommu.WORK}
    counted = {f"instructions.{call}.{way}.64.x100": str(100 * (to if way == "to" else from_))
               for call in ("map", "unmap") for way in figures_iommu.WAYS}
    counted |= {"setup.mapped_mib": "1536", "setup.instructions": "300",
                "setup.page_table_pages": "3"}
    return guest.Outcome(facts={**sent, "writable_bytes.waiting": "8192",
                                 "writable_bytes.load": "9000"}), guest.Outcome(facts=counted)


def rows(**changed):
    made = {"strict": outcomes(2000, 1500, 1500), "lazy": outcomes(100, 900),
            "off, strict": outcomes(2000, 1500, 1500), "off, lazy": outcomes(100, 900),
            "DMA-RO": outcomes(from_=1500)} | changed
    return [figures_iommu.row("viommu", kind, *made.get(kind, outcomes()))
            for kind in figures_iommu.KINDS]


def missed(found):
    return [name for _, name, _, _, met in figures_iommu.targets(found) if not met]


class Runs(unittest.TestCase):
    def test_each_kind_with_its_kernel(self):
        asked = []

        def run(options):
            asked.append((options.test, options.kernel, options.append, options.out))
            if "smmuv3" in options.out:
                self.assertEqual(options.qemu, "qa")
                raise LabError("no SMMU")
            return outcomes()[figures_iommu.TESTS.index(options.test)]
        machines = {"x86": ({"stock": "s", "series": "t"}, "q"),
                    "arm64": ({"stock": "sa", "series": "ta"}, "qa")}
        broken = []
        with mock.patch.object(guest, "run", run), mock.patch("sys.stderr"):
            found = bench.iommu(machines, "f", "out", broken, only=("amdvi",))
            with self.assertRaisesRegex(LabError, "no SMMU"):
                bench.iommu(machines, "f", "out", only=("smmuv3",))
            self.assertEqual(bench.iommu(machines, "f", "out", broken, ("smmuv3", "amdvi")), found)
        self.assertEqual([str(error) for error in broken], ["no SMMU"])
        self.assertIn(("iommu-tx", "sa", "iommu.strict=1", "out/iommu-tx-smmuv3-strict"), asked)
        asked = [line for line in asked if "amdvi" in line[-1]]
        self.assertEqual([row["kind"] for row in found], list(figures_iommu.KINDS))
        self.assertIn(("iommu-tx", "s", "iommu.strict=1", "out/iommu-tx-amdvi-strict"), asked)
        self.assertIn(("iommu-insns", "t", "iommu.dma_ro=0 iommu.strict=0",
                       "out/iommu-insns-amdvi-off-lazy"), asked)
        self.assertEqual(len({out for *_, out in asked}), 2 * len(figures_iommu.KINDS))


class Figures(unittest.TestCase):
    def test_all_met(self):
        self.assertEqual(missed(rows()), [])
        self.assertIn("20 of 20 targets met", figures_iommu.table(rows()))

    def test_each_target_can_be_missed(self):
        one = missed(rows(**{"DMA-RO": outcomes(1, from_=1500)}))
        self.assertEqual(len(one), len(figures_iommu.WORK))
        for kind, made, word in (("DMA-RO-FQ", outcomes(to=221), "to the device"),
                                 ("DMA-RO", outcomes(from_=1546), "from the device"),
                                 ("off, lazy", outcomes(to=910), "stock"),
                                 ("off, strict", outcomes(to=1500, from_=1516), "stock")):
            found = missed(rows(**{kind: made}))
            self.assertEqual(len(found), 1, kind)
            self.assertIn(word, found[0])

    def test_what_is_missing_is_named(self):
        sent, counted = outcomes()
        del sent.facts["requests.igb.linear.x1000"]
        with self.assertRaisesRegex(LabError, "DMA-RO on vtd: .*requests.igb.linear.x1000"):
            figures_iommu.row("vtd", "DMA-RO", sent, counted)

    def test_per_gib(self):
        row = rows()[-1]
        self.assertEqual((row["page_table_kib_per_gib"], row["setup_instructions_per_gib"]),
                         (8.0, 200))

    def test_chart_has_each_number(self):
        image, table = iommu.packets(rows())
        self.assertEqual(len(table), 1 + len(figures_iommu.KINDS))
        for line in table[1:]:
            self.assertIn(f">{line[2]}<".replace("3000", "3,000").replace("1800", "1,800"),
                          image.replace("\u202f", ",").replace("\u2009", ","))


class Acpi(unittest.TestCase):
    def test_table(self):
        table = acpi.external_port(0x1e)
        self.assertEqual((table[:4], int.from_bytes(table[4:8], "little")), (b"SSDT", len(table)))
        self.assertEqual(sum(table) & 0xFF, 0)
        # Scope, two bytes of length, what is in it to the end
        self.assertEqual(table[36], 0x10)
        self.assertEqual((table[37] & 15) + (table[38] << 4), len(table) - 37)
        self.assertEqual(table[39:54], b"\\\x2f\x03_SB_PCI0SF0_\x08"[:15])

    def test_command_line(self):
        args = devices.arguments(["edu-external"], {"edu-external": "t.aml"})
        self.assertEqual(args[args.index("-acpitable") + 1], "file=t.aml")
        self.assertEqual(devices.disks(["edu-external"]), [])
