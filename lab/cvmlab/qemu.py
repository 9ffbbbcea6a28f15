# SPDX-License-Identifier: GPL-2.0
"""QEMU's command line, and its life as a child process.

Invariants: QEMU never outlives the runner (the kernel is asked to kill it
when its parent dies), is ended by its own process id only, and is asked
politely first, so that the emulator can write its stats.
"""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field

from . import arches, devices, platforms, traces
from .errors import LabError, Skip

# The device that shows the number of instructions executed, and where.
INSN_COUNT, INSN_PORT = "isa-insn-count", 0x5C0
SLOW_SHIFT = 6

# setpriv(1) of util-linux: sets the signal and becomes QEMU, same process id
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


@dataclass
class Machine:
    """Everything that decides a command line."""
    platform: platforms.Platform
    qemu: str
    kernel: str
    initrd: str                 # "": the root file system is on a disk
    append: str = ""
    memory: str = "4G"
    cpus: int = 2
    nodes: list = field(default_factory=list)   # sizes of NUMA nodes, "memory" in total
    firmware_dir: str = ""      # -L
    bios: str = ""              # OVMF or TDVF image
    devices: list = field(default_factory=list)
    disks: dict = field(default_factory=dict)
    console: str = ""           # file for the console; "" is this terminal
    stats_file: str = ""
    cpu: str = ""               # instead of the platform's
    object_extra: str = ""      # more properties of the confidential object
    reboot: bool = False
    icount: bool = False        # count instructions; the guest reads INSN_PORT
    slow: bool = False          # an instruction takes 64 ns: 1 << SLOW_SHIFT
    trace: str = ""             # file for the events of the platform's traces
    extra: list = field(default_factory=list)


def command(machine, control_fd=None, qmp_fd=None):
    """Build the whole command line.  Return: a list of strings."""
    args = [machine.qemu, "-nodefaults", "-no-user-config", "-display", "none"]
    if machine.firmware_dir:
        args += ["-L", machine.firmware_dir]
    args += _accelerator(machine) + _confidential(machine)
    # Linux complains if processors of one socket are on different nodes.
    sockets = f",sockets={machine.cpus}" if machine.nodes else ""
    args += ["-smp", f"{machine.cpus}{sockets}", "-m",
             ",".join(filter(None, (machine.memory, machine.platform.slots)))]
    if machine.trace:
        args += traces.arguments(machine.platform.traces, machine.trace)
    if not machine.reboot:
        args += ["-no-reboot"]
    args += ["-kernel", machine.kernel, "-append", machine.append]
    if machine.initrd:
        args += ["-initrd", machine.initrd]
    args += _channels(machine, control_fd, qmp_fd)
    for device in machine.platform.devices:
        args += ["-device", device]
    args += devices.arguments(machine.devices, machine.disks, at_once=machine.icount)
    return args + machine.extra


def _accelerator(machine):
    cpu = ["-cpu", machine.cpu or machine.platform.cpu]
    if machine.platform.accel != "tcg":
        return ["-accel", "kvm"] + cpu
    if machine.icount:
        # One instruction is one nanosecond, or 64; no host time leaks in.
        shift = SLOW_SHIFT if machine.slow else 0
        args = ["-accel", "tcg,thread=single", "-icount", f"shift={shift},sleep=off"]
        if machine.platform.arch.ports:
            args += ["-device", f"{INSN_COUNT},iobase={INSN_PORT:#x}"]
        return args + cpu
    return ["-accel", "tcg,thread=multi"] + cpu


def _confidential(machine):
    row = machine.platform
    props, args = row.machine, []
    if row.object:
        props += ",confidential-guest-support=cvm0"
        hashes = ",kernel-hashes=on" if machine.bios else ""
        text = row.object.format(stats_file=machine.stats_file.replace(",", ",,"),
                                 cbitpos=platforms.host_cbit() if "{cbitpos}" in row.object else 0,
                                 hashes=hashes)
        if machine.object_extra:
            text += "," + machine.object_extra
        args += ["-object", text]
    if machine.nodes:
        args += _nodes(machine)
    elif row.memory:
        props += ",memory-backend=ram0"
        args += ["-object", row.memory.format(size=machine.memory)]
    if row.firmware and machine.bios:
        path = machine.bios.replace(",", ",,")
        args += (["-bios", machine.bios] if row.firmware == "bios" else
                 ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={path}"])
    elif row.firmware and row.name != "plain":
        raise LabError(f"platform {row.name} with --accel kvm needs --bios FILE: an OVMF "
                       "(SEV, SNP) or TDVF (TDX) image that boots -kernel directly")
    return ["-machine", props] + args


def _nodes(machine):
    """Memory in NUMA nodes, and processors on each in turn."""
    backend, args = machine.platform.memory or "memory-backend-ram,id=ram0,size={size}", []
    for number, size in enumerate(machine.nodes):
        memory = backend.format(size=size).replace("id=ram0", f"id=ram{number}")
        cpus = "".join(f",cpus={cpu}" for cpu in range(number, machine.cpus, len(machine.nodes)))
        args += ["-object", memory, "-numa", f"node,nodeid={number},memdev=ram{number}{cpus}"]
    return args


def _channels(machine, control_fd, qmp_fd):
    """Serial 0 is the console, serial 1 or a device the control channel."""
    if machine.console:
        path = machine.console.replace(",", ",,")
        args = ["-chardev", f"file,id=console,path={path}"]
    else:
        args = ["-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console"]
    args += ["-serial", "chardev:console"]
    if control_fd is not None:
        port = machine.platform.arch.control_port
        args += ["-chardev", f"socket,id=control,fd={control_fd}"]
        args += ["-device", f"{port},chardev=control"] if port else ["-serial", "chardev:control"]
    if qmp_fd is not None:
        args += ["-chardev", f"socket,id=qmp,fd={qmp_fd}",
                 "-mon", "chardev=qmp,mode=control"]
    return args


def find_qemu(path, arch=arches.X86):
    """Check --qemu, or find a QEMU for guests of that kind.  Return: its path."""
    path = path or arch is arches.X86 and os.environ.get("CVM_QEMU")
    if path:
        if shutil.which(path):
            return shutil.which(path)
        raise LabError(f"no QEMU at {path}; build it with '{arch.build_qemu}' or name one "
                       "with --qemu")
    found = shutil.which(arch.qemu)
    if found:
        return found
    raise LabError(f"no {arch.qemu} in PATH; build one with '{arch.build_qemu}' "
                   "and name it with --qemu" + (" or in $CVM_QEMU" if arch is arches.X86 else ""))


def require_insn_count(machine):
    """Raise Skip if the guest cannot count its instructions there."""
    if machine.platform.accel != "tcg":
        raise Skip("instructions are counted by TCG only: --accel tcg")
    if machine.cpus != 1:
        raise LabError(f"instructions are counted with one processor, not {machine.cpus}")
    if not machine.platform.arch.ports:
        return      # by its clock
    try:
        done = subprocess.run([machine.qemu, "-device", "help"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise LabError(f"cannot ask {machine.qemu} for its devices: {err}") from None
    if f'"{INSN_COUNT}"'.encode() not in done.stdout:
        raise Skip(f"{machine.qemu} has no device {INSN_COUNT}; 'make qemu' builds one that has")


_running = set()


def stop_all():
    """End every QEMU that still runs: for a caller with guests in threads."""
    for process in list(_running):
        process.child.terminate()


class Process:
    """A running QEMU, with the runner's ends of control channel and monitor."""

    def __init__(self, machine, log_path):
        control, control_child = socket.socketpair()
        qmp, qmp_child = socket.socketpair()
        self.control, self.qmp = control, qmp
        self.log_path = log_path
        self.argv = command(machine, control_child.fileno(), qmp_child.fileno())
        try:
            with open(log_path, "wb") as log:
                self.child = subprocess.Popen(
                    DIE_WITH_PARENT + self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=(control_child.fileno(), qmp_child.fileno()),
                    start_new_session=True)
        except OSError as err:
            self._close()
            raise LabError(f"cannot start {err.filename or machine.qemu}: "
                           f"{err.strerror}") from None
        finally:
            control_child.close()
            qmp_child.close()
        _running.add(self)

    @property
    def pid(self):
        return self.child.pid

    def cpu_seconds(self):
        """Return: user and system time of this QEMU so far, 0 if it is gone.

        Asked before the exit status is taken: fields 14 and 15 of proc(5)'s
        stat count the whole process and stay until it is reaped.
        """
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, seconds):
        """Return: the exit status, or None if QEMU still runs."""
        try:
            return self.child.wait(max(0, seconds))
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """End QEMU: politely, then for sure.  Idempotent."""
        _running.discard(self)
        if self.child.poll() is None:
            self.child.terminate()
            if self.wait(5) is None:
                self.child.kill()
                self.child.wait()
        self._close()

    def _close(self):
        self.control.close()
        self.qmp.close()

    def messages(self):
        """What QEMU itself printed."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""
