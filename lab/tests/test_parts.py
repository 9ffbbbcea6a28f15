# SPDX-License-Identifier: GPL-2.0
"""cpio archives, disks, test headers, control channel, monitor."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

from cvmlab import arches, busybox, control, cpio, disks, helpers, initramfs, qmp, rootdisk, stats, tests
from cvmlab.errors import LabError


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Cpio(Folder):
    def archive(self):
        archive = cpio.Archive()
        archive.char_device("dev/console", 5, 1)
        archive.file("/a/b/c.txt", b"hello", executable=True)
        archive.file("a/b/d", b"")
        archive.symlink("bin/sh", "busybox")
        return archive.bytes()

    def test_same_bytes_twice(self):
        self.assertEqual(self.archive(), self.archive())

    def test_layout(self):
        data = self.archive()
        self.assertEqual(data[:6], b"070701")
        self.assertEqual(len(data) % 4, 0)
        self.assertIn(b"TRAILER!!!", data)
        self.assertEqual(data.count(b"a/b\0"), 1)

    @unittest.skipUnless(shutil.which("cpio"), "cpio is not installed")
    def test_cpio_reads_it(self):
        out = subprocess.run(["cpio", "-tv"], input=self.archive(), check=True,
                             capture_output=True).stdout.decode()
        self.assertRegex(out, r"(?m)^crw-------.* 5, +1 .*dev/console$")
        self.assertRegex(out, r"(?m)^-rwxr-xr-x .* 5 .*a/b/c.txt$")
        self.assertRegex(out, r"(?m)bin/sh -> busybox$")


class Disks(Folder):
    def test_written_is_what_the_guest_makes(self):
        tr = subprocess.run(["tr", r"\000-\377", r"\001-\377\000"], check=True,
                            input=bytes(range(256)), capture_output=True,
                            env={**os.environ, "LC_ALL": "C"})
        self.assertEqual(bytes(range(256)).translate(disks.PLUS_ONE), tr.stdout)

    def test_content_and_corruption(self):
        disk = disks.Disk(os.path.join(self.dir, "d.raw"), "d")
        self.assertEqual(os.path.getsize(disk.path), disks.SIZE)
        self.assertEqual(disk.on_host("read"), disk.expected("read"))
        self.assertNotEqual(disk.on_host("written"), disk.expected("written"))
        disk.corrupt()
        self.assertNotEqual(disk.on_host("read"), disk.expected("read"))

    def test_two_disks_differ(self):
        one = disks.Disk(os.path.join(self.dir, "1"), "one")
        two = disks.Disk(os.path.join(self.dir, "2"), "two")
        self.assertNotEqual(one.expected("read"), two.expected("read"))
        self.assertNotEqual(one.expected("written"), two.expected("written"))


class Root(Folder):
    """A file system on a disk, read back with the tools that made it."""

    def setUp(self):
        super().setUp()
        test = tests.load(self.write("t", "# test: x\n"))
        tree = (test, {"A": "1"}, self.write("busybox", "program"), {"bin/more": test.path})
        self.disk = rootdisk.RootDisk(os.path.join(self.dir, "root.img"))
        self.disk.fill(tree, os.path.join(self.dir, "tree"))

    def debugfs(self, *argv):
        return subprocess.run([rootdisk._tool("debugfs"), *argv, self.disk.path], check=True,
                              capture_output=True).stdout

    def test_holds_what_an_initramfs_holds(self):
        self.assertEqual(self.debugfs("-R", "cat /bin/busybox"), b"program")
        self.assertEqual(self.debugfs("-R", "cat /lab/settings"), b"A='1'\n")
        self.assertRegex(self.debugfs("-R", "stat /init"), rb"Mode: +0755")
        for folder in (b"proc", b"sys", b"dev", b"tmp"):
            self.assertIn(folder, self.debugfs("-R", "ls /"))

    def test_what_the_guest_wrote(self):
        said = {"root_file": hashlib.sha256(b"hello").hexdigest()}
        self.assertIn("0 bytes", self.disk.judge(said)[1])
        self.debugfs("-w", "-R", "write " + self.write("new", "hello") + " written")
        self.assertEqual(self.disk.judge(said)[0], True)
        self.assertEqual(self.disk.judge({"root_file": "00"})[0], False)
        self.assertIn("no checksum", self.disk.judge({})[1])

    def test_damage(self):
        self.debugfs("-w", "-R", "clri /bin")
        ok, why = self.disk.judge({"root_file": "x"})
        self.assertFalse(ok)
        self.assertIn("e2fsck: ", why)


class Headers(Folder):
    def test_all_tests_load(self):
        self.assertIn("boot", tests.names())
        for name in tests.names():
            self.assertTrue(tests.load(name).purpose)

    def test_full_header(self):
        path = self.write("t", "#!/bin/sh\n#\n# test: does x\n# platforms: sev tdx\n"
                               "# devices: nvme\n# timeout: 7\n# append: a=b c\n"
                               "# flags: kunit\n\n# devices: igb\nplan 1\n# test: late\n")
        test = tests.load(path)
        self.assertEqual((test.purpose, test.timeout, test.append), ("does x", 7, "a=b c"))
        self.assertEqual((test.memory, test.cpus, test.programs), ("4G", 2, []))
        self.assertTrue(test.runs_on("sev"))
        self.assertFalse(test.runs_on("plain"))

    def test_machine(self):
        test = tests.load(self.write("t", "# test: x\n# memory: 512M\n# cpus: 1\n"
                                     "# programs: kexec insns\n# flags: kexec icount\n"))
        self.assertEqual((test.memory, test.cpus), ("512M", 1))
        self.assertEqual(test.programs, ["kexec", "insns"])

    def test_nodes(self):
        test = tests.load(self.write("t", "# test: x\n# nodes: 3G 512M\n"))
        self.assertEqual((test.nodes, test.memory), (["3G", "512M"], "3584M"))

    def test_unknown(self):
        with self.assertRaisesRegex(LabError, "no guest test 'nope'; there are: boot"):
            tests.load("nope")

    def test_bad_headers(self):
        for text, why in (("plan 1\n", "no '# test: purpose'"),
                          ("# test: x\n# flags: fast\n", "unknown flag 'fast'"),
                          ("# test: x\n# timeout: soon\n", "'soon' is no number"),
                          ("# test: x\n# cpus: 0\n", "cpus '0' is no number above 0"),
                          ("# test: x\n# memory: 4\n", "memory '4' is no size"),
                          ("# test: x\n# nodes: 1G 2\n", "memory '2' is no size"),
                          ("# test: x\n# nodes: 1G\n# memory: 1G\n", "nodes is its memory"),
                          ("# test: x\n# programs: emacs\n", "unknown program 'emacs'; "
                                                             "there are: ")):
            with self.assertRaisesRegex(LabError, why):
                tests.load(self.write("t", text))


class Static(Folder):
    def test_is_static(self):
        self.assertFalse(initramfs.is_static("/bin/ls"))
        self.assertFalse(initramfs.is_static(self.write("s", "#!/bin/sh\n")))

    def test_wrong_busybox(self):
        with self.assertRaisesRegex(LabError, "busybox-static"):
            busybox.find("/bin/ls")

    def test_a_program_is_for_one_architecture(self):
        header = b"\x7fELF\x02".ljust(18, b"\0")
        path = self.write("p", "")
        for arch, other in ((arches.X86, arches.ARM64), (arches.ARM64, arches.X86)):
            with open(path, "wb") as file:
                file.write(header + bytes([arch.machine]).ljust(46, b"\0"))
            self.assertTrue(initramfs.is_static(path, arch))
            self.assertFalse(initramfs.is_static(path, other))

    def test_settings_are_quoted(self):
        text = initramfs._settings({"A": "it's $HOME"}).decode()
        out = subprocess.run(["sh", "-c", text + 'printf %s "$A"'], capture_output=True)
        self.assertEqual(out.stdout, b"it's $HOME")


class Helpers(Folder):
    def source(self, text):
        folder = mock.patch.object(helpers, "SOURCE", self.dir)
        folder.start()
        self.addCleanup(folder.stop)
        self.write("one.c", text)

    def test_every_program_is_static(self):
        built = helpers.programs(helpers.names(), self.dir)
        self.assertIn("bin/kexec", built)
        for path in built.values():
            self.assertTrue(initramfs.is_static(path), path)

    def test_an_error_names_the_line(self):
        self.source("int main(void) { return nothing; }\n")
        with self.assertRaisesRegex(LabError, "one for the guest failed: .*one.c:1:.*nothing"):
            helpers.programs(["one"], self.dir)

    def test_a_warning_is_an_error(self):
        self.source("int main(void) { int unused; return 0; }\n")
        with self.assertRaisesRegex(LabError, "unused"):
            helpers.programs(["one"], self.dir)

    def test_no_compiler(self):
        with mock.patch.dict(os.environ, CC="/nonexistent/cc"):
            with self.assertRaisesRegex(LabError, "cannot run /nonexistent/cc"):
                helpers.programs(["kexec"], self.dir)


class Stats(unittest.TestCase):
    FRAMES = {"mixed-frames": [{"gpa": 0, "shared-pages": 32}, {"gpa": 3 << 21}]}

    def test_mixed_frames(self):
        self.assertEqual(stats.mixed_frames(self.FRAMES, "x"), 2)
        self.assertEqual(stats.mixed_frames(self.FRAMES, "x", apart=(0,)), 1)

    def test_no_default(self):
        for wrong in ({}, None, {"mixed-frames": 2}, {"mixed-frames": [{}]}):
            with self.assertRaisesRegex(LabError, "^x: "):
                stats.mixed_frames(wrong, "x")


class Hooks:
    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*args):
            self.calls.append((name, *args))
            return 1 if name == "hello" else (args != ("bad",), "why not")
        return call


class Control(Folder):
    def serve(self, text, seconds=5, close=True):
        ours, guests = socket.socketpair()
        hooks = Hooks()
        channel = control.Channel(ours, hooks, os.path.join(self.dir, "log"))
        self.addCleanup(channel.close)
        guests.sendall(text)
        if close:
            guests.shutdown(socket.SHUT_WR)
        in_time = channel.serve(time.monotonic() + seconds, lambda: True)
        ours.close()
        answer = b""
        while data := guests.recv(4096):
            answer += data
        guests.close()
        return channel, hooks.calls, answer.decode().splitlines(), in_time

    def test_a_whole_guest(self):
        channel, calls, answers, _ = self.serve(
            b"hello 1.5\n| KTAP version 1\r\nfact a.b 1 2\nmark boot\nmark bad\n"
            b"verify d read 00\nfigure boot shared-pages\njudged a b\n"
            b"unplug n\nplug n\nlink n off\nexit 3\n")
        self.assertEqual(calls, [("hello", 1.5), ("output", "KTAP version 1"),
                                 ("fact", "a.b", "1 2"), ("mark", "boot"), ("mark", "bad"),
                                 ("verify", "d", "read", "00"),
                                 ("figure", "boot", "shared-pages"), ("judged", "a", "b"),
                                 ("unplug", "n"), ("plug", "n"), ("link", "n", "off")])
        self.assertEqual(answers, ["ok 1", "ok", "no why not", "ok", "ok why not"] + ["ok"] * 5)
        self.assertEqual(channel.exit_code, 3)

    def test_nonsense_is_answered(self):
        _, _, answers, _ = self.serve(b"dance\nmark\nverify x\nfigure y\njudged z\n"
                                      b"unplug\nplug\nlink n\n")
        self.assertTrue(all(line.startswith("no ") for line in answers))
        self.assertEqual(len(answers), 8)

    def test_end_without_exit(self):
        channel, _, _, in_time = self.serve(b"| half a li")
        self.assertIsNone(channel.exit_code)
        self.assertTrue(in_time)

    def test_deadline(self):
        self.assertFalse(self.serve(b"| hello\n", seconds=0.3, close=False)[3])


class Monitor(unittest.TestCase):
    def talk(self, *answers):
        ours, qemus = socket.socketpair()
        lines = ({"QMP": {}}, {"return": {}}, *answers)
        qemus.sendall(b"".join(json.dumps(a).encode() + b"\n" for a in lines))
        qemus.shutdown(socket.SHUT_WR)
        self.addCleanup(qemus.close)
        monitor = qmp.Qmp(ours, timeout=2)
        self.addCleanup(monitor.close)
        return monitor

    def test_events_are_read_past(self):
        monitor = self.talk({"event": "RESET"}, {"return": {"version": 1}})
        self.assertEqual(monitor.execute("query-cvm-emu-stats"), {"version": 1})

    def test_wait_for_an_event(self):
        gone = {"event": "DEVICE_DELETED", "data": {"device": "x", "path": "/y"}}
        monitor = self.talk({"event": "RESET"}, {"return": {}}, gone)
        monitor.execute("device_del", id="x")
        self.assertTrue(monitor.wait_event("RESET", 0))
        self.assertTrue(monitor.wait_event("DEVICE_DELETED", 2, device="x"))
        monitor.forget_events()
        with self.assertRaises(qmp.QmpError):       # the monitor is closed by now
            monitor.wait_event("DEVICE_DELETED", 2, device="x")

    def test_no_event_in_time(self):
        ours, qemus = socket.socketpair()
        self.addCleanup(qemus.close)
        monitor = qmp.Qmp(ours)
        self.addCleanup(monitor.close)
        self.assertFalse(monitor.wait_event("RESET", 0.05))
        qemus.sendall(b'{"event": "RESET"}\n')
        self.assertTrue(monitor.wait_event("RESET", 2))

    def test_error(self):
        monitor = self.talk({"error": {"class": "CommandNotFound", "desc": "no such"}})
        with self.assertRaises(qmp.QmpError) as caught:
            monitor.execute("query-cvm-emu-stats")
        self.assertEqual(caught.exception.kind, "CommandNotFound")

    def test_closed(self):
        with self.assertRaises(qmp.QmpError):
            self.talk().execute("query-status")
