# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with known content, an initramfs with one program, and QEMU."""
import json
import os
import socket
import subprocess
import time

BLOCK = 512
DISK_SIZE = 64 << 20
WRITE_AT = 32 << 20
WRITE_SALT = 0x5A
CONTROLLER = "scsi0"
TIME_LIMIT = 600

# EPYC without what TCG lacks, and what Linux needs for a VMBus
CPU = ("EPYC,-svm,-fxsr-opt,-misalignsse,-osvw,-topoext,-xsavec,hv-vpindex=on,"
       "hv-synic=on")
VBS = ["-object", "cvm-emu,id=cvm0,kind=hyperv-vbs,stats-file={stats_file}"]

# QEMU goes when the runner goes, however that ends.
TIED = ["setpriv", "--pdeathsig", "KILL", "--"]


def pattern(first, count, salt=0):
    """The content of @count blocks from @first (guest: lib.c, pattern())."""
    table = bytes(range(256)) * 4
    parts = []
    for block in range(first, first + count):
        start = (block * 7 + 8) % 256
        parts.append(block.to_bytes(8, "little"))
        parts.append(table[start:start + BLOCK - 8])
    data = b"".join(parts)
    return data.translate(bytes(i ^ salt for i in range(256))) if salt else data


def make_disk(path, content):
    with open(path, "wb") as file:
        file.write(content)
        file.truncate(DISK_SIZE)


def written_right(path):
    """Whether the upper half holds what the guest wrote there."""
    with open(path, "rb") as file:
        file.seek(WRITE_AT)
        data = file.read(DISK_SIZE - WRITE_AT)
    return data == pattern(WRITE_AT // BLOCK, len(data) // BLOCK, WRITE_SALT)


def _member(name, mode, data=b"", rdev=(0, 0)):
    """One entry of an archive in cpio's newc format."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name) + 1, 0)
    entry = b"070701" + b"".join(b"%08X" % f for f in fields)
    entry += name.encode() + b"\0"
    entry += b"\0" * (-len(entry) % 4)
    return entry + data + b"\0" * (-len(data) % 4)


def make_initramfs(path, program, modules):
    with open(program, "rb") as file:
        entries = [_member("init", 0o100755, file.read())]
    entries += [_member("dev", 0o040755),
                _member("dev/console", 0o020600, rdev=(5, 1)),
                _member("modules", 0o040755)]
    for i, module in enumerate(modules):
        with open(module, "rb") as file:
            entries.append(_member(f"modules/{i:02d}.ko", 0o100644,
                                   file.read()))
    with open(path, "wb") as file:
        file.write(b"".join(entries) + _member("TRAILER!!!", 0))


def make_root(path, program, scratch):
    """An ext2 image with the program as /sbin/init."""
    tree = os.path.join(scratch, "root")
    for name in ("sbin", "dev", "proc", "sys"):
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    for name in ("sbin/init", "on-the-disk"):
        with open(program, "rb") as source, \
             open(os.path.join(tree, name), "wb") as target:
            target.write(source.read())
        os.chmod(os.path.join(tree, name), 0o755)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-F", "-d", tree, path,
                    "32M"], check=True)


class Guest:
    """One QEMU; .control is the guest's second serial port."""

    def __init__(self, args, platform):
        self.out = args.out
        stats_file = os.path.join(args.out, "stats.json")
        self.stats_file = stats_file if platform == "hv-vbs" else None
        machine = "pc,smm=off"
        options = []
        if self.stats_file:
            machine += ",confidential-guest-support=cvm0"
            options = [o.format(stats_file=stats_file) for o in VBS]
        self.control, control = socket.socketpair()
        self.qmp, qmp = socket.socketpair()
        self.argv = [
            args.qemu, "-L", args.firmware, "-nodefaults", "-no-user-config",
            "-display", "none", "-accel", "tcg,thread=multi", "-cpu", CPU,
            *options, "-machine", machine, "-smp", str(args.cpus),
            "-m", "1G", "-no-reboot", "-kernel", args.kernel,
            "-chardev", f"file,id=console,path={self.path('console.log')}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=control,fd={control.fileno()}",
            "-serial", "chardev:control",
            "-chardev", f"socket,id=qmp,fd={qmp.fileno()}",
            "-mon", "chardev=qmp,mode=control",
            "-device", "vmbus-bridge",
            "-device", f"hv-scsi,id={CONTROLLER},channels={args.channels}",
            *args.qemu_option]
        self.fds = (control, qmp)

    def path(self, name):
        return os.path.join(self.out, name)

    def start(self, options):
        with open(self.path("qemu.log"), "wb") as log:
            self.child = subprocess.Popen(
                TIED + self.argv + options, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
                pass_fds=[s.fileno() for s in self.fds])
        for sock in self.fds:
            sock.close()
        self.deadline = time.monotonic() + TIME_LIMIT
        self.qmp_file = self.qmp.makefile("rw", encoding="utf-8")
        self.qmp.settimeout(TIME_LIMIT)
        self.qmp_file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Run one QMP command.  Return: its answer; raise on an error."""
        json.dump({"execute": name, "arguments": arguments}, self.qmp_file)
        self.qmp_file.write("\n")
        self.qmp_file.flush()
        while True:
            line = self.qmp_file.readline()
            if not line:
                raise RuntimeError(f"QEMU ended during {name}")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def plug(self, driver, **properties):
        """Plug a device; its backend may be busy until an old one is freed."""
        for _ in range(100):
            try:
                return self.command("device_add", driver=driver, **properties)
            except RuntimeError as err:
                last = err
                time.sleep(0.1)
        raise last

    def lines(self):
        """What the guest says, line by line, until it or the time ends."""
        buffer = b""
        while True:
            self.control.settimeout(max(0.1, self.deadline - time.monotonic()))
            try:
                data = self.control.recv(4096)
            except (TimeoutError, ConnectionError):
                return
            if not data:
                return
            buffer += data
            *whole, buffer = buffer.split(b"\n")
            for line in whole:
                yield line.decode(errors="replace").strip()

    def answer(self, number):
        self.control.sendall(b"%d\n" % number)

    def stop(self):
        """Wait for QEMU, end it if it stays.  Return: its exit status."""
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.terminate()
            return self.child.wait()

    def emulator_stats(self):
        with open(self.stats_file, encoding="utf-8") as file:
            return json.load(file)
