# SPDX-License-Identifier: GPL-2.0
"""One guest, from initramfs to verdict.

run() never raises for what a guest does wrong: that becomes a failed result
in the Outcome.  It raises LabError for wrong input and Skip where the host
cannot.  Files in the output folder:

    console.log  control.log  qemu.log    what was said
    stats-MARK.json  stats.json           the emulator's stats, at marks, at exit
    guest.json                            facts, times and verdicts
"""

import concurrent.futures
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field

from . import acpi, arches, busybox, bzimage, console, devices, disks, helpers, initramfs, kselftest, platforms, qemu, rootdisk
from . import stats, tests, traces, xenstored
from .control import Channel
from .errors import LabError
from .qmp import Qmp, QmpError

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(LAB), "scripts"))
import ktap  # noqa: E402

# A panic must end the guest, not hang it: -no-reboot turns the reset into an
# exit.  loglevel=7: all that is not debugging goes to the console.
APPEND = "console={console} loglevel=7 printk.time=1 panic=-1 oops=panic"


def append(row, *more):
    """The kernel's parameters for a guest of the platform."""
    return " ".join(filter(None, (APPEND.format(console=row.arch.console), row.append, *more)))


# What goes into the guest on request, as Debian has it: function that returns
# {path in the guest: host file}.
DEBIAN = {"xenstored": xenstored.programs}


@dataclass
class Options:
    """What a caller decides about a guest."""
    platform: str
    kernel: str
    test: str
    out: str
    accel: str = "tcg"
    qemu: str = ""
    firmware_dir: str = ""
    bios: str = ""
    busybox: str = ""
    append: str = ""
    memory: str = ""            # "" and 0: what the test's header says
    cpus: int = 0
    cpu: str = ""
    object_extra: str = ""
    extra: list = field(default_factory=list)
    timeout: float = 0
    baseline: str = ""
    ksrc: str = ""              # kernel tree with the kselftests
    debian: list = field(default_factory=list)  # names in DEBIAN
    programs: dict = field(default_factory=dict)
    modules: list = field(default_factory=list)     # files, in the order to load
    modules_from: object = None     # debian.Modules: what devices and test need, out of there
    settings: dict = field(default_factory=dict)
    verbose: bool = False
    entry: str = ""             # "": the platform's, or image or elf
    corrupt: str = ""           # flip a bit of this disk: a negative test


NO_VIOLATION = "no violation"
UNPLUG_SECONDS = 30


def all_passed(checks):
    return all(status != ktap.FAILED for check in checks for _, status, _ in check.leaves())


@dataclass
class Outcome:
    """What came of it.  checks: ktap.Result per check, the test's own first."""
    checks: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    marks: dict = field(default_factory=dict)
    stats: dict = None
    boot_s: float = 0.0
    seconds: float = 0.0
    qemu_cpu_s: float = 0.0     # CPU time of QEMU up to the end of the test
    boots: int = 0

    def ok(self):
        return all_passed(self.checks)

    def check(self, name, ok, reason=""):
        self.checks.append(ktap.Result(name, ktap.PASSED if ok else ktap.FAILED,
                                       "" if ok else reason))


class Guest:
    """State of one run; also the hooks of its control channel."""

    def __init__(self, options):
        self.options = options
        self.row = platforms.find(options.platform, options.accel)
        self.test = tests.load(options.test)
        if not os.path.isfile(options.kernel):
            raise LabError(f"no kernel image at {options.kernel}")
        if not self.test.runs_on(self.row.name):
            raise LabError(f"guest test {self.test.name} is for platforms: "
                           f"{' '.join(self.test.platforms)}")
        self._require_x86()
        self.devices = devices.suiting(self.test.devices, self.row)
        if options.corrupt and options.corrupt not in devices.disks(self.devices):
            raise LabError(f"--corrupt {options.corrupt}: the guest has no such disk, but: "
                           f"{' '.join(devices.disks(self.devices)) or 'none'}")
        platforms.require_host(self.row)
        self.qemu = qemu.find_qemu(options.qemu, self.row.arch)
        self.busybox = busybox.find(options.busybox, self.row.arch)
        self.limit = options.timeout or self.test.timeout
        self.cpus = options.cpus or self.test.cpus
        self.outcome = Outcome()
        self.lines = []
        self.disks = {}
        self.root = None
        self.qmp = None
        self.started = 0.0
        self.judged_by_test = 0     # violations by a CPU
        self.traces = None
        self.modules = options.modules

    def _require_x86(self):
        """Raise LabError for what exists for x86 only, on another platform."""
        if self.row.arch is arches.X86:
            return
        wanted = [flag for flag in self.test.flags if flag in tests.X86_FLAGS]
        wanted += [f"--debian {name}" for name in self.options.debian]
        if wanted:
            raise LabError(f"guest test {self.test.name} on {self.row.name}: {', '.join(wanted)} "
                           "exists for x86 only")

    def path(self, name):
        return os.path.join(self.options.out, name)

    # --- hooks of the control channel ---

    def output(self, text):
        self.lines.append(text)
        if self.options.verbose:
            print(f"[{self.row.name}] {text}", file=sys.stderr, flush=True)

    def fact(self, key, value):
        self.outcome.facts[key] = value

    def hello(self, uptime):
        self.outcome.boots += 1
        if self.outcome.boots == 1:
            self.outcome.boot_s = round(time.monotonic() - self.started, 2)
            self.outcome.facts["kernel_uptime_s"] = uptime
        return self.outcome.boots

    def mark(self, name):
        if self.traces:
            try:
                self.outcome.marks[name] = self.traces.read()
            except LabError as err:
                return False, str(err)
        if not self.row.stats:
            return True, ""
        try:
            answer = self.qmp.execute("query-cvm-emu-stats")
        except QmpError as err:
            return False, str(err)
        self.outcome.marks[name] = answer
        _write_json(self.path(f"stats-{name}.json"), answer)
        return True, ""

    def figure(self, mark, path):
        if mark not in self.outcome.marks:
            return False, f"there are no stats of a mark {mark}"
        try:
            return True, stats.number(self.outcome.marks[mark], path, f"mark {mark}")
        except LabError as err:
            return False, str(err)

    def verify(self, name, area, digest):
        disk = self.disks.get(name)
        if disk is None or area not in ("read", "written"):
            return False, f"no area {area} on a disk {name}"
        if area == "written":
            disk.written = True
        expected = disk.expected(area)
        sums = self.outcome.facts.setdefault("checksums", [])
        sums.append({"disk": name, "area": area, "bytes": disks.AREA,
                     "ok": digest == expected})
        if digest != expected:
            return False, f"{name} {area}: sha256 is {digest[:16]}.., expected {expected[:16]}.."
        return True, ""

    def judged(self, start, end):
        """The test itself looks at the violations between two marks."""
        counts = []
        for mark in (start, end):
            found, count = self.figure(mark, "violations.cpu")
            if not found:
                return False, count
            counts.append(count)
        self.judged_by_test += counts[1] - counts[0]
        return True, ""

    def unplug(self, ident):
        """QEMU takes a device away; done when the guest has let go of it."""
        if not devices.pluggable(self.devices, ident):
            return False, f"no device {ident} that can be unplugged"
        try:
            self.qmp.forget_events()
            self.qmp.execute("device_del", id=ident)
            gone = self.qmp.wait_event("DEVICE_DELETED", UNPLUG_SECONDS, device=ident)
        except QmpError as err:
            return False, str(err)
        return gone, f"QEMU still has {ident} after {UNPLUG_SECONDS} s"

    def plug(self, ident):
        parts = devices.pluggable(self.devices, ident)
        if not parts:
            return False, f"no device {ident} that can be plugged"
        try:
            for part in parts:
                self.qmp.execute("device_add", **part)
        except QmpError as err:
            return False, str(err)
        return True, ""

    def link(self, ident, state):
        """The cable of a NIC."""
        if state not in ("on", "off") or not devices.pluggable(self.devices, ident):
            return False, f"no link {ident} that can be switched {state}"
        try:
            self.qmp.execute("set_link", name=ident, up=state == "on")
        except QmpError as err:
            return False, str(err)
        return True, ""

    # --- life ---

    def run(self):
        self._fresh_folder()
        with tempfile.TemporaryDirectory(prefix="cvm-lab-") as scratch:
            self._boot(scratch)
            self._judge()
        self._save()
        return self.outcome

    def _fresh_folder(self):
        """Nothing of an earlier run may be taken for this one's."""
        try:
            os.makedirs(self.options.out, exist_ok=True)
            for name in os.listdir(self.options.out):
                if name in ("guest.json", "trace.log") or \
                        name.startswith("stats") and name.endswith(".json"):
                    os.unlink(self.path(name))
            open(self.path("console.log"), "w", encoding="utf-8").close()
        except OSError as err:
            raise LabError(f"cannot write to {self.options.out}: {err.strerror}") from None

    def _machine(self, scratch):
        opts = self.options
        for name in devices.disks(self.devices):
            if name == devices.ROOT:
                continue
            self.disks[name] = disks.Disk(os.path.join(scratch, name + ".raw"), name)
            if opts.corrupt == name:
                self.disks[name].corrupt()
        programs = dict(opts.programs)
        if "kselftest" in self.test.flags:
            programs.update(kselftest.programs(opts.ksrc, os.path.join(scratch, "kselftest")))
        for name in opts.debian:
            programs.update(DEBIAN[name]())
        programs.update(helpers.programs(self.test.programs, scratch, self.row.arch))
        if opts.modules_from:
            wanted = [*devices.modules(self.devices), *self.test.modules]
            folder = os.path.join(scratch, "modules")
            os.mkdir(folder)
            self.modules = opts.modules_from.require_all(wanted, folder)
        paths = {name: disk.path for name, disk in self.disks.items()}
        if devices.EXTERNAL in self.devices:
            paths[devices.EXTERNAL] = os.path.join(scratch, "external.aml")
            with open(paths[devices.EXTERNAL], "wb") as file:
                file.write(acpi.external_port(devices.EXTERNAL_SLOT))
        initrd, root = "", ""
        if devices.ROOT in self.devices:
            self.root = rootdisk.RootDisk(os.path.join(scratch, "root.img"))
            self.root.fill(self._tree(programs), os.path.join(scratch, "root"))
            paths[devices.ROOT], root = self.root.path, rootdisk.APPEND
        else:
            initrd = self._initramfs(scratch, programs)
        if self.row.traces:
            self.traces = traces.Counter(self.path("trace.log"))
        kernel = opts.kernel
        if (opts.entry or self.row.entry) == "elf":
            kernel = bzimage.extract(kernel, scratch)
        machine = qemu.Machine(
            platform=self.row, qemu=self.qemu, kernel=kernel,
            initrd=initrd, append=append(self.row, root, self.test.append, opts.append),
            memory=self._memory(), cpus=self.cpus, cpu=opts.cpu,
            firmware_dir=opts.firmware_dir, bios=opts.bios, devices=self.devices, disks=paths,
            console=self.path("console.log"), stats_file=os.path.abspath(self.path("stats.json")),
            object_extra=opts.object_extra, reboot="reboot" in self.test.flags,
            icount="icount" in self.test.flags, slow="slow" in self.test.flags, nodes=self.test.nodes, extra=opts.extra,
            trace=self.path("trace.log") if self.traces else "")
        if machine.nodes and machine.memory != tests.total(machine.nodes):
            raise LabError(f"guest test {self.test.name}: its nodes have "
                           f"{tests.total(machine.nodes)}, not {machine.memory}")
        if machine.icount:
            qemu.require_insn_count(machine)
        return machine

    def _memory(self):
        if self.options.memory or not self.row.below_4g:
            return self.options.memory or self.test.memory
        return tests.total([self.test.memory, self.row.below_4g])

    def _tree(self, programs):
        """What the guest's root file system holds: arguments of initramfs.populate()."""
        settings = {"PLATFORM": self.row.name, "ACCEL": self.row.accel, "CPUS": self.cpus,
                    "CONTROL": self.row.arch.control,
                    "INSN_PORT": qemu.INSN_PORT, "BUSYBOX_SHA256": initramfs.sha256(self.busybox),
                    **self.options.settings}
        return self.test, settings, self.busybox, programs, self.modules

    def _initramfs(self, scratch, programs):
        """Write the archive.  Return: its path."""
        opts = self.options

        def write(name, more):
            path = os.path.join(scratch, name)
            with open(path, "wb") as file:
                file.write(initramfs.build(*self._tree({**programs, **more})))
            return path
        if "kexec" not in self.test.flags:
            return write("initramfs", {})
        # The second kernel's archive does not hold a third.
        return write("initramfs", {"lab/kexec/bzImage": opts.kernel,
                                   "lab/kexec/initramfs": write("second", {})})

    def _boot(self, scratch):
        machine = self._machine(scratch)
        self.started = time.monotonic()
        deadline = self.started + self.limit
        process = qemu.Process(machine, self.path("qemu.log"))
        self.qmp = Qmp(process.qmp)
        channel = Channel(process.control, self, self.path("control.log"))
        try:
            in_time = channel.serve(deadline, lambda: process.wait(0) is None)
            self.outcome.qemu_cpu_s = process.cpu_seconds()
            status = process.wait(min(10, deadline - time.monotonic())) if in_time else None
        finally:
            process.stop()
            channel.close()
        self.outcome.seconds = round(time.monotonic() - self.started, 2)
        self.ending = self._how_it_ended(channel, in_time, status, process)

    def _how_it_ended(self, channel, in_time, status, process):
        """Return: "" if all was well, else what was not."""
        where = "before user space" if not self.outcome.boots else "in user space"
        if not in_time:
            return f"TIMEOUT no end after {self.limit:g} s, {where}"
        if channel.exit_code is None:
            text = process.messages().splitlines()
            said = f": {text[-1]}" if text else ""
            return f"the guest ended early, {where} (QEMU exit status {status}){said}"
        if channel.exit_code != 0:
            return f"the test script ended with status {channel.exit_code}"
        if status is None:
            return "the guest did not power off"
        return ""

    def _judge(self):
        outcome, name = self.outcome, self.test.name
        self._judge_script(name)
        lines = console.read(self.path("console.log"))
        if "kunit" in self.test.flags:
            outcome.checks.append(self._judge_kunit(lines))
        baseline = console.read(self.options.baseline) if self.options.baseline else ()
        bad = console.complaints(lines, self.row.name, baseline)
        outcome.check("console", not bad, f"{len(bad)} complaints, first: {bad[0] if bad else ''}")
        for disk in self.disks.values():
            if disk.written:
                outcome.check(f"{disk.name} file on the host",
                              disk.on_host("written") == disk.expected("written"),
                              "does not hold what the guest wrote")
        if self.root:
            outcome.check("root file system on the host", *self.root.judge(outcome.facts))
        if self.row.stats:
            self._check_stats()

    def _judge_script(self, name):
        report = ktap.parse(self.lines)
        failed = self.ending or not report.ok()
        result = ktap.Result(name, ktap.FAILED if failed else ktap.PASSED, self.ending,
                             report.tests, report.errors)
        self.outcome.checks.append(result)

    def _judge_kunit(self, lines):
        """The suites on the console; the guest counted them in debugfs."""
        suites = self.outcome.facts.get("kunit_suites")
        if suites == "0":
            return ktap.Result("kunit suites", ktap.SKIPPED, "the kernel has none built in")
        report = ktap.parse(lines)
        if str(len(report.tests)) != suites:
            report.errors.append(f"{len(report.tests)} suites on the console, "
                                 f"{suites} in the kernel")
        return ktap.Result("kunit suites", ktap.PASSED, "", report.tests, report.errors)

    def _check_stats(self):
        outcome = self.outcome
        try:
            with open(self.path("stats.json"), encoding="utf-8") as file:
                outcome.stats = json.load(file)
            violations = outcome.stats["violations"]
            by_cpu = int(violations["cpu"]) - self.judged_by_test
            count = by_cpu + int(violations["dma"])
        except (OSError, ValueError, KeyError, TypeError) as err:
            outcome.check("stats", False, f"no usable stats: {err}")
            return
        first = json.dumps(violations.get("log", [])[:1])
        outcome.check(NO_VIOLATION, count == 0,
                      f"{by_cpu} by a CPU, {violations['dma']} by a device; first: {first}")

    def _save(self):
        outcome = self.outcome
        counts = ktap.Report(outcome.checks).counts
        _write_json(self.path("guest.json"), {
            "platform": self.row.name, "accel": self.row.accel, "kernel": self.options.kernel,
            "test": self.test.name, "boot_s": outcome.boot_s, "seconds": outcome.seconds,
            "qemu_cpu_s": outcome.qemu_cpu_s, "boots": outcome.boots, "facts": outcome.facts, **counts._asdict()})


def _write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")


@contextlib.contextmanager
def pool(jobs):
    """Threads for guests side by side.  If the caller leaves with an
    exception, such as an interrupt, all guests are ended first."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as executor:
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            qemu.stop_all()
            raise


def run(options):
    """Boot one guest and judge it.  Return: an Outcome."""
    return Guest(options).run()
