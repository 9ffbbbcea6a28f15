# SPDX-License-Identifier: GPL-2.0
"""lab/run: boot one guest, print its results as KTAP.

Exit status: 0 every test passed or was skipped, 1 a test failed, 2 wrong
input (one line on stderr), 130 interrupted.
"""

import argparse
import os
import re
import shlex
import signal
import sys

from . import console, debian, guest, initramfs, platforms, qemu, shell, tests
from .errors import LabError, Skip
from .guest import ktap

TAIL = 40


def parser():
    ap = argparse.ArgumentParser(prog="lab/run", description="boot one laboratory guest")
    ap.add_argument("--list", action="store_true", help="list the guest tests")
    ap.add_argument("--list-platforms", action="store_true", help="list the platforms")
    ap.add_argument("--platform", default="plain", help="default: plain")
    ap.add_argument("--accel", choices=("tcg", "kvm"), default="tcg",
                    help="tcg: emulated platform; kvm: this host's hardware")
    ap.add_argument("--kernel", help="kernel image, a package linux-image-*.deb, or the name of a "
                                     "built kernel: stock, series")
    ap.add_argument("--modules", action="append", default=[], metavar="DIR|DEB",
                    help="the kernel's modules: a folder as /lib/modules/RELEASE, or the one that "
                         "/lib/modules is in, or packages; what the test needs is loaded before it "
                         "(default: those of --kernel, if that is a package)")
    ap.add_argument("--package", action="append", default=[], metavar="DEB",
                    help="a package whose files go into the guest")
    ap.add_argument("--test", help="guest test, or the path of a test script")
    ap.add_argument("--shell", action="store_true", help="interactive guest, no test")
    ap.add_argument("--out", help="folder for logs and stats")
    ap.add_argument("--qemu", default="", help="QEMU binary; $CVM_QEMU for x86")
    ap.add_argument("--firmware", default=os.environ.get("CVM_FIRMWARE", ""), metavar="DIR",
                    help="QEMU's -L")
    ap.add_argument("--bios", default="", help="OVMF or TDVF image (--accel kvm)")
    ap.add_argument("--busybox", default="", help="statically linked busybox")
    ap.add_argument("--append", default="", help="more kernel parameters")
    ap.add_argument("--memory", default="", help="instead of the test's own")
    ap.add_argument("--cpus", type=int, default=0, help="instead of the test's own")
    ap.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                    help="a variable of the test script, such as ROUNDS=10")
    ap.add_argument("--cpu", default="", help="QEMU -cpu instead of the platform's")
    ap.add_argument("--object-extra", default="", metavar="PROPS",
                    help="more properties of the confidential object, such as strict=on")
    ap.add_argument("--timeout", type=float, default=0, metavar="S",
                    help="time limit instead of the test's own")
    ap.add_argument("--baseline-console", default="", metavar="FILE",
                    help="stock kernel's console: what it prints too is no failure")
    ap.add_argument("--ksrc", default="", metavar="TREE",
                    help="kernel tree whose tools/testing/selftests/cvm goes into the guest")
    ap.add_argument("--debian", action="append", default=[], choices=sorted(guest.DEBIAN),
                    help="software of Debian that goes into the guest, for tests that look "
                         "for it: Xen's own xenstore daemon")
    ap.add_argument("--entry", default="", choices=("image", "elf"),
                    help="where the kernel is entered, instead of the platform's: with the "
                         "image's 16-bit code or at the PVH note")
    ap.add_argument("--corrupt", default="", metavar="DISK",
                    help="flip a bit of this scratch disk, to see the test fail")
    ap.add_argument("--verbose", "-v", action="store_true", help="guest output as it comes")
    return ap


def find_kernel(name, arch):
    """An image's path, or the name of a kernel in the cache."""
    if not name:
        raise LabError("--kernel is missing: an image, or one of: " + _kernels(arch))
    if os.sep in name or os.path.isfile(name):
        if not os.path.isfile(name):
            raise LabError(f"no kernel image at {name}")
        return debian.built_image(name) if name.endswith(".deb") else name
    path = _kernel_path(name, arch)
    if not os.path.isfile(path):
        raise LabError(f"unknown kernel '{name}'; built are: {_kernels(arch)}")
    return path


def find_modules(args, image):
    """The kernel's modules, or None where all that it has is built in."""
    paths = args.modules or [args.kernel] * args.kernel.endswith(".deb")
    if not paths:
        return None
    modules = debian.modules_of(paths)
    modules.suit(image)
    return modules


def _kernel_path(name, arch):
    return os.path.join(initramfs.cache_dir(), "linux", name, arch.build, arch.image)


def _kernels(arch):
    try:
        found = sorted(os.listdir(os.path.join(initramfs.cache_dir(), "linux")))
    except OSError:
        found = []
    return " ".join(n for n in found if os.path.isfile(_kernel_path(n, arch))) or "(none)"


def list_tests():
    for name in tests.names():
        test = tests.load(name)
        where = ",".join(test.platforms) or "all"
        print(f"{name:16} {where:16} {test.purpose}")


def list_platforms():
    for row in platforms.TABLE:
        print(f"{row.name:10} {row.accel:4} {row.arch.name:5} {row.purpose}")


def print_results(outcome, name):
    """The outcome as KTAP on stdout.  Return: True if all is well."""
    writer = ktap.Writer(sys.stdout, len(outcome.checks))
    writer.note(f"{name}: boot {outcome.boot_s} s, whole {outcome.seconds} s")
    for check in outcome.checks:
        ktap.emit(writer, check)
    return outcome.ok()


def print_failure(out, argv):
    """The last lines of the console, where the rest is, how to run it again."""
    path = os.path.join(out, "console.log")
    if os.path.exists(path):
        lines = [line for line in console.read(path) if line.strip()]
        print(f"# last {TAIL} lines of {path}:")
        for line in lines[-TAIL:]:
            print("#   " + line)
    print("# run again: " + shlex.join(argv))


def settings(words):
    """NAME=VALUE words as a dictionary."""
    for word in words:
        if not re.fullmatch(r"[A-Z_]+=.*", word):
            raise LabError(f"--set {word}: expected NAME=VALUE, NAME in capital letters")
    return dict(word.split("=", 1) for word in words)


def options_from(args, row):
    kernel = find_kernel(args.kernel, row.arch)
    out = args.out or os.path.join("out", "guest", f"{args.platform}-{args.test}")
    programs = {}
    for package in args.package:
        programs.update(debian.files(package))
    return guest.Options(
        platform=args.platform, kernel=kernel, test=args.test, out=out, accel=args.accel,
        qemu=args.qemu, firmware_dir=args.firmware, bios=args.bios, busybox=args.busybox,
        append=args.append, memory=args.memory, cpus=args.cpus, cpu=args.cpu,
        object_extra=args.object_extra, timeout=args.timeout,
        settings=settings(args.set), ksrc=args.ksrc, baseline=args.baseline_console,
        verbose=args.verbose, corrupt=args.corrupt, debian=args.debian,
        entry=args.entry, programs=programs, modules_from=find_modules(args, kernel))


def run(args, argv):
    if args.list:
        list_tests()
        return 0
    if args.list_platforms:
        list_platforms()
        return 0
    row = platforms.find(args.platform, args.accel)
    if not args.shell and not args.test:
        raise LabError(f"--test is missing; there are: {' '.join(tests.names())}")
    what = "shell" if args.shell else tests.load(args.test).name
    name = f"{what} on {row.name} ({row.accel})"
    try:
        platforms.require_host(row)
        if args.shell:
            kernel = find_kernel(args.kernel, row.arch)
            return shell.run(row, kernel, args, find_modules(args, kernel))
        options = options_from(args, row)
        outcome = guest.run(options)
    except Skip as reason:
        ktap.Writer(sys.stdout, 1).skip(name, str(reason))
        return 0
    if print_results(outcome, name):
        return 0
    print_failure(options.out, argv)
    return 1


def _terminate(_signal, _frame):
    raise KeyboardInterrupt


def guarded(program, function, *args):
    """Call function; errors become one line and the exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return function(*args)
    except LabError as err:
        print(f"{program}: {err}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130


def main(argv=None):
    argv = sys.argv if argv is None else argv
    return guarded("lab/run", run, parser().parse_args(argv[1:]), argv)
