# SPDX-License-Identifier: GPL-2.0
"""What counts as a complaint on a console."""

import os
import re
import tempfile
import unittest

from cvmlab import console
from cvmlab.errors import LabError

SPLAT = """\
[    0.100000] Linux version 7.3.4
[    0.200000] ------------[ cut here ]------------
[    0.200001] WARNING: CPU: 1 PID: 12 at kernel/dma/swiotlb.c:100 swiotlb_map+0x12/0x30
[    0.200002] RIP: 0010:swiotlb_map+0x12/0x30
[    0.200003] ---[ end trace 0000000000000000 ]---
""".splitlines()


class Complaints(unittest.TestCase):
    def test_splat(self):
        self.assertEqual(console.complaints(SPLAT, "sev", rules=[]), [SPLAT[2]])

    def test_kinds(self):
        for line in ("BUG: kernel NULL pointer dereference, address: 0000000000000008",
                     "Oops: general protection fault, probably for non-canonical address",
                     "Kernel panic - not syncing: Attempted to kill init!",
                     "WARNING: possible circular locking dependency detected",
                     "WARNING: suspicious RCU usage",
                     "BUG: KASAN: slab-out-of-bounds in foo+0x1/0x2",
                     "UBSAN: array-index-out-of-bounds in a.c:1:2",
                     "kernel BUG at mm/slub.c:1!",
                     "INFO: task kworker/0:1:9 blocked for more than 122 seconds.",
                     "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                     "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
                     "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
                     "init: insmod igb.ko failed",
                     "unreferenced object 0xffff888000000000 (size 64):"):
            self.assertEqual(len(console.complaints([line], "plain", rules=[])), 1, line)

    def test_ordinary_lines(self):
        for line in ("[    0.0] Warning: unimportant driver note",
                     "[    0.1] Debug: sleeping", "e1000e: Network Driver",
                     "[    0.2] Memory Encryption Features active: AMD SEV"):
            self.assertEqual(console.complaints([line], "plain", rules=[]), [], line)

    def test_baseline_ignores_what_varies(self):
        other = [line.replace("0.2000", "7.7000").replace("CPU: 1 PID: 12", "CPU: 0 PID: 99")
                 for line in SPLAT]
        self.assertEqual(console.complaints(SPLAT, "sev", baseline=other, rules=[]), [])

    def test_baseline_is_not_a_blank_cheque(self):
        other = [line.replace("swiotlb_map", "something_else") for line in SPLAT]
        found = console.complaints(SPLAT, "sev", baseline=other, rules=[])
        self.assertEqual(len(found), 1)
        self.assertIn("swiotlb_map", found[0])

    def test_a_known_splat_hides_no_other(self):
        rules = [("*", re.compile("swiotlb_map"))]
        other = [line.replace("swiotlb_map", "something_else") for line in SPLAT]
        self.assertEqual(console.complaints(SPLAT + other, "sev", rules=rules), [other[2]])
        # one that does not end: only its own lines that match are forgiven
        self.assertEqual(console.complaints(SPLAT[:4] + other, "sev", rules=rules),
                         [SPLAT[1], other[2]])
        self.assertEqual(console.complaints(SPLAT[:4] + ["BUG: KASAN: x"], "sev", rules=rules),
                         [SPLAT[1], "BUG: KASAN: x"])

    def test_known_by_any_line_of_the_splat(self):
        rules = [("*", re.compile(r"RIP: .*swiotlb_map\+"))]
        self.assertEqual(console.complaints(SPLAT, "sev", rules=rules), [])

    def test_panic_inside_an_unfinished_splat(self):
        lines = SPLAT[:4] + ["[    0.3] Kernel panic - not syncing: Fatal exception"]
        self.assertIn(lines[-1], console.complaints(lines, "sev", rules=[]))

    def test_known_per_platform(self):
        rules = [("tdx", re.compile("swiotlb_map"))]
        self.assertEqual(console.complaints(SPLAT, "tdx", rules=rules), [])
        self.assertEqual(len(console.complaints(SPLAT, "sev", rules=rules)), 1)


class Files(unittest.TestCase):
    def write(self, text):
        file = tempfile.NamedTemporaryFile("w", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write(text)
        return file.name

    def test_control_characters_go(self):
        path = self.write("\x1b[2J\x1b[1;1HSeaBIOS\r\n[    0.1] ok\r\n")
        self.assertEqual(console.read(path)[:2], ["SeaBIOS", "[    0.1] ok"])

    def test_missing_log(self):
        with self.assertRaises(LabError):
            console.read("/nonexistent/log")

    def test_rule_without_reason(self):
        with self.assertRaisesRegex(LabError, "reason"):
            console.load_known(self.write("* WARNING: foo\n"))

    def test_the_list_itself_loads(self):
        console.load_known()
