# SPDX-License-Identifier: GPL-2.0-or-later
"""Start QEMU with the bare guest, talk to it, and collect what it leaves."""
import json
import os
import socket
import subprocess
import time

HYPERV = "hv-vpindex,hv-synic,hv-time,hv-reset"
CPU = {"plain": "max", "sev": "EPYC,-misalignsse",
       "tdx": "max,vendor=GenuineIntel",
       # a guest of Hyper-V without and with isolation
       "hyperv": f"max,vendor=GenuineIntel,{HYPERV}",
       "hyperv-vbs": f"EPYC,-misalignsse,{HYPERV}"}
TIME_LIMIT = 180        # seconds; a loaded machine needs many of them

# QEMU goes when the runner goes, however that ends.
TIED = ["setpriv", "--pdeathsig", "KILL", "--"]


class Result:
    """How a run of QEMU ended."""

    def __init__(self, status, console, stderr, stats):
        self.status = status        # None: killed at the time limit
        self.console = console
        self.stderr = stderr
        self.stats = stats          # None: no file, or an empty one

    def __str__(self):
        return (f"status {self.status}\n--- console\n{self.console[-2000:]}\n"
                f"--- stderr\n{self.stderr[-2000:]}")


class Machine:
    """The QEMU under test."""

    def __init__(self, qemu, firmware, out, icount=None):
        self.qemu, self.firmware, self.out = qemu, firmware, out
        self.icount = icount

    def with_icount(self, icount):
        """The same, with the option -icount."""
        return Machine(self.qemu, self.firmware, self.out, icount)

    def path(self, name):
        return os.path.join(self.out, name)

    def bare(self, *args):
        """QEMU with nothing but these arguments."""
        return [self.qemu, "-L", self.firmware, "-nodefaults",
                "-no-user-config", "-display", "none", *args]

    def _confidential(self, kind, options):
        if kind in ("plain", "hyperv"):
            return ["-machine", "pc,smm=off"]
        stats = self.path("stats.json")
        obj = f"cvm-emu,id=cvm0,kind={kind},stats-file={stats}"
        if options:
            obj += "," + options
        return ["-object", obj,
                "-machine", "pc,smm=off,confidential-guest-support=cvm0"]

    def _accelerator(self, icount):
        if icount:
            return ["-accel", "tcg,thread=single", "-icount", icount]
        return ["-accel", "tcg,thread=multi"]

    def command(self, kind, case, options="", extra=(), smp=1, icount=None):
        return self.bare(
            *self._accelerator(icount or self.icount), "-cpu", CPU[kind],
            "-smp", str(smp), "-m", "128M",
            *self._confidential(kind, options),
            "-kernel", self.path("guest.elf"), "-append", case,
            "-serial", "file:" + self.path("console"),
            "-device", "isa-debug-exit,iobase=0xf4", *extra)

    def _clean(self):
        for name in ("stats.json", "console", "qmp"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def _result(self, status, stderr):
        console, stats = "", None
        if os.path.exists(self.path("console")):
            with open(self.path("console"), encoding="utf-8",
                      errors="replace") as f:
                console = f.read()
        if os.path.exists(self.path("stats.json")):
            with open(self.path("stats.json"), encoding="utf-8") as f:
                text = f.read()
            stats = json.loads(text) if text else None
        return Result(status, console, stderr, stats)

    def run(self, kind, case, **args):
        """Run a case to its end."""
        return self.run_command(self.command(kind, case, **args))

    def run_command(self, command):
        self._clean()
        try:
            done = subprocess.run(TIED + command, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True,
                                  timeout=TIME_LIMIT, check=False)
            return self._result(done.returncode, done.stderr)
        except subprocess.TimeoutExpired as late:
            return self._result(None, (late.stderr or b"").decode())

    def start(self, kind, case, until, **args):
        """Start a case, wait for a line of it, and return a Session."""
        self._clean()
        args["extra"] = (*args.get("extra", ()), "-qmp",
                         f"unix:{self.path('qmp')},server=on,wait=off")
        return Session(self, self.command(kind, case, **args), until)


class Session:
    """A running QEMU with a QMP connection."""

    def __init__(self, machine, command, until):
        self.machine = machine
        self.process = subprocess.Popen(TIED + command,
                                        stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        try:
            self._connect(until)
        except Exception:
            self.kill()
            raise

    def await_console(self, until):
        """Until the guest has said something."""
        deadline = time.monotonic() + TIME_LIMIT
        while not self._console_has(until):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"the guest never said '{until}'")
            time.sleep(0.05)

    def _connect(self, until):
        self.await_console(until)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.machine.path("qmp"))
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.file.readline()
        self.qmp("qmp_capabilities")

    def _console_has(self, text):
        try:
            with open(self.machine.path("console"), encoding="utf-8",
                      errors="replace") as f:
                return text in f.read()
        except FileNotFoundError:
            return False

    def qmp(self, command, **args):
        message = {"execute": command, "arguments": args}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return answer

    def wait_for(self, query, status):
        """Until a query-... command answers with this status."""
        deadline = time.monotonic() + TIME_LIMIT
        while self.qmp(query).get("status") != status:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{query}: never '{status}'")
            time.sleep(0.05)

    def hmp(self, line):
        return self.qmp("human-monitor-command", **{"command-line": line})

    def end(self):
        self.qmp("quit")
        return self.wait()

    def wait(self):
        """Until the guest has ended."""
        try:
            _, stderr = self.process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired as late:
            raise TimeoutError("QEMU does not exit") from late
        return self.machine._result(self.process.returncode, stderr)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
