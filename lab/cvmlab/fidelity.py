# SPDX-License-Identifier: GPL-2.0
"""lab/fidelity: does a kernel that knows nothing of the emulator detect the platform?

Boots Debian's unmodified cloud kernels as guests of every kind and does I/O.
Prints one KTAP result per suite and platform; a kernel without support for a
platform is a SKIP that names the missing option.
"""

import argparse
import os
import sys
import tempfile

from . import cli, debian, guest, platforms
from .errors import LabError, Skip
from .guest import ktap

SUITES = ("bookworm", "trixie", "trixie-backports")
PLATFORMS = ("sev", "tdx", "hv", "hv-vbs")


def boot(kernel, suite, platform, args):
    """One guest.  Return: its Outcome; raises Skip without support."""
    kernel.require(platform)
    with tempfile.TemporaryDirectory(prefix="cvm-lab-") as scratch:
        disks, nics = debian.DISKS, {}
        if platforms.find(platform).hyperv:
            disks, nics = {**disks, **debian.VMBUS_DISKS}, debian.VMBUS_NICS
        wanted = [module for needs in (*disks.values(), *nics.values()) for module in needs]
        modules, missing = kernel.modules(wanted, scratch)

        def usable(found):
            return " ".join(name for name, needs in found.items() if not set(needs) & set(missing))
        return guest.run(guest.Options(
            platform=platform, kernel=kernel.image, test="debian",
            out=folder(args, suite, platform), qemu=args.qemu, firmware_dir=args.firmware,
            busybox=args.busybox, timeout=args.timeout, modules=modules,
            settings={"DISKS": usable(disks), "NICS": usable(nics)}))


def folder(args, suite, platform):
    return os.path.join(args.out, f"{suite}-{platform}")


def show(writer, kernel, outcome, suite, platform, args):
    """One guest's result."""
    sums = outcome.facts.get("checksums", [])
    writer.note(f"{suite} {platform}: {kernel.release}, boot {outcome.boot_s} s, "
                f"{len(sums)} areas of {' '.join(sorted({s['disk'] for s in sums}))} compared")
    ktap.emit(writer, ktap.Result(f"{suite} {platform}",
                                  ktap.PASSED if outcome.ok() else ktap.FAILED,
                                  subtests=outcome.checks))
    if not outcome.ok():
        cli.print_failure(folder(args, suite, platform),
                          ["lab/fidelity", "--suite", suite, "--platform", platform,
                           "--qemu", args.qemu, "--firmware", args.firmware, "--out", args.out])


def run(args):
    suites = args.suite or SUITES
    kernels = {suite: debian.Kernel(debian.fetch(suite)) for suite in suites}
    cases = [(s, p) for s in suites for p in args.platform or PLATFORMS]
    writer = ktap.Writer(sys.stdout, len(cases))
    with guest.pool(args.jobs) as pool:
        jobs = [pool.submit(boot, kernels[s], s, p, args) for s, p in cases]
        for (suite, platform), job in zip(cases, jobs):
            try:
                show(writer, kernels[suite], job.result(), suite, platform, args)
            except Skip as reason:
                writer.skip(f"{suite} {platform}", reason)
    return 0 if writer.ok() else 1


def main(argv=None):
    ap = argparse.ArgumentParser(prog="lab/fidelity", description=__doc__.splitlines()[0])
    ap.add_argument("--suite", action="append", choices=SUITES, help="default: all")
    ap.add_argument("--platform", action="append", choices=PLATFORMS, help="default: all")
    ap.add_argument("--qemu", default=os.environ.get("CVM_QEMU", ""), metavar="BIN")
    ap.add_argument("--firmware", default=os.environ.get("CVM_FIRMWARE", ""), metavar="DIR")
    ap.add_argument("--busybox", default="")
    ap.add_argument("--out", default=os.path.join("out", "fidelity"), metavar="DIR")
    ap.add_argument("--jobs", type=int, default=2, help="guests at a time (default 2)")
    ap.add_argument("--timeout", type=float, default=0, help="seconds per guest")
    args = ap.parse_args(argv)
    return cli.guarded("lab/fidelity", run, args)
