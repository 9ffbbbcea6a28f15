# SPDX-License-Identifier: GPL-2.0
"""Whole runs against a stand-in for QEMU: everything that can go wrong must
turn into a failed result, and nothing may be left behind."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from cvmlab import arches, cli, guest
from cvmlab.errors import LabError
from cvmlab.guest import ktap
from cvmlab.qmp import QmpError

HERE = os.path.dirname(os.path.abspath(__file__))
FAKE = os.path.join(HERE, "fake_qemu")
TEST = "# test: stand-in\n# devices: virtio-blk\n# timeout: 30\n"


class Standin(unittest.TestCase):
    """A kernel, a busybox and a test that are just good enough."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.kernel = self.put("bzImage", b"kernel")
        self.test = self.put("standin", TEST.encode())
        # the smallest thing that counts as a static program: the header of a 64-bit
        # ELF file for x86, without program headers
        self.busybox = self.put("busybox", b"\x7fELF\x02".ljust(18, b"\0") +
                                bytes([arches.X86.machine]).ljust(46, b"\0"))
        self.addCleanup(os.environ.pop, "FAKE_QEMU", None)

    def put(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


class Run(Standin):
    def options(self, **more):
        return guest.Options(**{**dict(platform="sev", kernel=self.kernel, test=self.test,
                                       out=os.path.join(self.dir, "out"), qemu=FAKE,
                                       busybox=self.busybox), **more})

    def go(self, wrong="", **more):
        os.environ["FAKE_QEMU"] = wrong
        return guest.run(self.options(**more))

    def failures(self, wrong, **more):
        report = ktap.Report(self.go(wrong, **more).checks)
        return {path: reason for path, status, reason in report.leaves()
                if status == ktap.FAILED}

    def test_all_well(self):
        outcome = self.go()
        self.assertTrue(outcome.ok(), outcome.checks)
        self.assertEqual([check.name for check in outcome.checks],
                         ["standin", "console", "virtio-blk file on the host", "no violation"])
        self.assertEqual(outcome.facts["direct_map_4k_kb.before"], "100")
        self.assertEqual(outcome.marks["final"]["shared-pages"], 10)
        with open(os.path.join(self.dir, "out", "guest.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["passed"], 6)

    def test_modules_of_devices_and_test(self):
        modules = mock.Mock()
        modules.require_all.return_value = [self.put("tun.ko", b"module")]
        test = self.put("standin", (TEST + "# modules: tun\n").encode())
        outcome = self.go(test=test, modules_from=modules)
        self.assertTrue(outcome.ok(), outcome.checks)
        self.assertEqual(modules.require_all.call_args.args[0], ["virtio_pci", "virtio_blk", "tun"])

    def test_plain_needs_no_stats(self):
        self.assertTrue(self.go(platform="plain").ok())

    def test_what_goes_wrong_fails(self):
        for wrong, path, why in (
                ("notok", "standin/last", ""),
                ("short", "standin", "planned 3 tests, saw 2"),
                ("status", "standin", "status 1"),
                ("early", "standin", "planned 3 tests, saw 2"),
                ("warn", "console", "swiotlb.c"),
                ("lostwrite", "virtio-blk file on the host", "does not hold"),
                ("violation", "no violation", "3 by a device"),
                ("nostats", "stats", "no usable stats"),
                ("halfstats", "stats", "violations")):
            with self.subTest(wrong):
                failed = self.failures(wrong)
                self.assertIn(path, failed)
                self.assertIn(why, failed[path])

    def test_what_exists_for_x86_only(self):
        path = self.put("x86", (TEST + "# flags: kselftest\n").encode())
        for more, word in (({"test": path}, "kselftest"), ({"debian": ["xenstored"]}, "xenstored")):
            with self.assertRaisesRegex(LabError, f"{word} exists for x86 only"):
                guest.Guest(self.options(platform="smmuv3", **more))

    def test_figure_comes_from_a_mark(self):
        run = guest.Guest(self.options())
        run.outcome.marks["m"] = {"violations": {"cpu": 5}, "n": "x"}
        self.assertEqual(run.figure("m", "violations.cpu"), (True, 5))
        self.assertEqual(run.figure("other", "n"), (False, "there are no stats of a mark other"))
        for path in ("n", "violations", "none"):
            self.assertFalse(run.figure("m", path)[0])

    def test_what_the_test_judged_is_not_counted_again(self):
        run = guest.Guest(self.options())
        run.outcome.marks.update(a={"violations": {"cpu": 1}}, b={"violations": {"cpu": 4}})
        self.assertEqual(run.judged("a", "b"), (True, ""))
        self.assertEqual(run.judged_by_test, 3)
        self.assertFalse(run.judged("a", "c")[0])
        run._fresh_folder()
        for cpu, dma, ok in ((3, 0, True), (4, 0, False), (3, 1, False)):
            with open(run.path("stats.json"), "w", encoding="utf-8") as file:
                json.dump({"violations": {"cpu": cpu, "dma": dma}}, file)
            run._check_stats()
            self.assertEqual(run.outcome.checks[-1].status == ktap.PASSED, ok, (cpu, dma))

    def test_devices_come_and_go(self):
        path = self.put("plug", b"# test: x\n# devices: hv-scsi hv-net-pair\n")
        run = guest.Guest(self.options(platform="hv", test=path))
        run.qmp = mock.Mock()
        run.qmp.wait_event.return_value = True
        self.assertTrue(run.unplug("hv-scsi")[0])
        self.assertTrue(run.plug("hv-scsi")[0])
        self.assertEqual([call.kwargs["driver"] for call in run.qmp.execute.call_args_list[1:]],
                         ["hv-scsi", "scsi-hd"])
        self.assertTrue(run.link("hv-net-b", "off")[0])
        run.qmp.execute.assert_called_with("set_link", name="hv-net-b", up=False)
        run.qmp.wait_event.return_value = False
        self.assertIn("still has hv-scsi", run.unplug("hv-scsi")[1])
        run.qmp.execute.side_effect = QmpError("GenericError", "no such bus")
        self.assertEqual(run.plug("hv-scsi"), (False, "no such bus"))
        for wrong in (run.unplug("hv-net"), run.plug("nvme"), run.link("hv-net-b", "up")):
            self.assertFalse(wrong[0])

    def test_kexec_carries_kernel_and_initramfs(self):
        path = self.put("again", b"# test: x\n# flags: kexec\n")
        run = guest.Guest(self.options(test=path))
        scratch = os.path.join(self.dir, "scratch")
        os.mkdir(scratch)
        with open(run._initramfs(scratch, {}), "rb") as file:
            data = file.read()
        with open(os.path.join(scratch, "second"), "rb") as file:
            second = file.read()
        self.assertIn(b"lab/kexec/bzImage\0", data)
        self.assertIn(second, data)
        self.assertNotIn(b"lab/kexec", second)

    def test_corrupt_disk_fails(self):
        failed = self.failures("", corrupt="virtio-blk")
        self.assertIn("standin/io", failed)
        self.assertIn("virtio-blk file on the host", failed)

    def test_corrupt_disk_that_is_not_there(self):
        with self.assertRaisesRegex(LabError, "--corrupt nvme: .* no such disk, but: virtio-blk"):
            guest.Guest(self.options(corrupt="nvme"))

    def test_warning_in_the_baseline_is_forgiven(self):
        self.go("warn", out=os.path.join(self.dir, "stock"))
        baseline = os.path.join(self.dir, "stock", "console.log")
        self.assertTrue(self.go("warn", baseline=baseline).ok())

    def test_hang_meets_the_time_limit(self):
        start = time.monotonic()
        outcome = self.go("hang", timeout=2)
        self.assertFalse(outcome.ok())
        self.assertIn("TIMEOUT no end after 2 s, in user space", outcome.checks[0].reason)
        self.assertLess(time.monotonic() - start, 20)

    def test_a_guest_that_does_not_power_off(self):
        self.assertIn("did not power off",
                      self.go("linger", timeout=3, platform="plain").checks[0].reason)

    def test_refused_command_line(self):
        reason = self.go("refuse").checks[0].reason
        self.assertIn("before user space", reason)
        self.assertIn("invalid object type", reason)

    def test_old_stats_are_not_taken_for_new(self):
        self.go()
        self.assertIn("stats", self.failures("nostats"))

    def test_output_folder_cannot_be_made(self):
        with self.assertRaisesRegex(LabError, "cannot write to .*Not a directory"):
            self.go(out=os.path.join(self.kernel, "out"))

    def test_no_kernel(self):
        with self.assertRaisesRegex(LabError, "no kernel image at /nonexistent"):
            self.go(kernel="/nonexistent")


class CommandLine(Standin):
    def test_settings(self):
        self.assertEqual(cli.settings(["A=1", "LOAD=x=y"]), {"A": "1", "LOAD": "x=y"})
        for word in ("A", "a=1", "=1"):
            with self.assertRaisesRegex(LabError, "expected NAME=VALUE"):
                cli.settings([word])

    def argv(self, *more):
        return ["lab/run", "--platform", "plain", "--kernel", self.kernel, "--test", self.test,
                "--qemu", FAKE, "--busybox", self.busybox, "--out",
                os.path.join(self.dir, "out"), *more]

    def call(self, argv):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(argv)
        return status, out.getvalue(), err.getvalue()

    def test_status_and_ktap(self):
        status, out, _ = self.call(self.argv())
        self.assertEqual(status, 0)
        self.assertEqual(ktap.parse(out.splitlines()).counts, (5, 0, 0))

    def test_failure_tells_how_to_repeat(self):
        os.environ["FAKE_QEMU"] = "warn"
        status, out, _ = self.call(self.argv())
        self.assertEqual(status, 1)
        self.assertIn("last 40 lines of", out)
        self.assertIn("# run again: lab/run --platform plain", out)

    def test_wrong_input_is_one_line(self):
        for more, word in ((("--platform", "sgx"), "there are: plain"),
                           (("--test", "nope"), "there are: boot"),
                           (("--kernel", "nope"), "unknown kernel 'nope'"),
                           (("--qemu", "/nonexistent"), "no QEMU at"),
                           (("--busybox", "/bin/ls"), "busybox-static")):
            status, _, err = self.call(self.argv(*more))
            self.assertEqual(status, 2)
            self.assertEqual(len(err.strip().splitlines()), 1)
            self.assertIn(word, err)

    def interrupted(self, number):
        env = {**os.environ, "FAKE_QEMU": "hang", "TMPDIR": self.dir}
        argv = [sys.executable, os.path.join(HERE, "..", "run"), *self.argv()[1:]]
        # A shell's background job ignores SIGINT, and so would its children.
        runner = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, preexec_fn=lambda:
                                  signal.signal(signal.SIGINT, signal.SIG_DFL))
        log = os.path.join(self.dir, "out", "control.log")
        child = self.wait_for(lambda: os.path.exists(log) and os.path.getsize(log) > 100
                              and self.children(runner.pid))
        runner.send_signal(number)
        status = runner.wait(20)
        self.wait_for(lambda: all(self.gone(pid) for pid in child))
        return status

    def wait_for(self, condition):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        self.fail("nothing came of it within 20 s")

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    @staticmethod
    def gone(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def test_interrupt_leaves_nothing(self):
        self.assertEqual(self.interrupted(signal.SIGINT), 130)
        self.assertEqual([n for n in os.listdir(self.dir) if n.startswith("cvm-lab-")], [])

    def test_terminate_leaves_nothing(self):
        self.assertEqual(self.interrupted(signal.SIGTERM), 130)

    def test_kill_takes_qemu_along(self):
        self.assertEqual(self.interrupted(signal.SIGKILL), -signal.SIGKILL)
