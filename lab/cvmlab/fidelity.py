# SPDX-License-Identifier: GPL-2.0
"""lab/fidelity: does a kernel that knows nothing of the emulator believe it?

Boots Debian's unmodified cloud kernels as SEV and as TDX guests and does I/O.
Prints one KTAP result per suite and platform; a kernel without support for a
platform is a SKIP that names the missing option.
"""

import argparse
import os
import sys
import tempfile

from . import cli, debian, guest
from .errors import LabError, Skip
from .guest import ktap

SUITES = ("bookworm", "trixie", "trixie-backports")
PLATFORMS = ("sev", "tdx")


def boot(kernel, platform, args, name):
    """One guest.  Return: a ktap.Result."""
    out = os.path.join(args.out, name.replace(" ", "-"))
    with tempfile.TemporaryDirectory(prefix="cvm-lab-") as scratch:
        wanted = [module for needs in debian.DISKS.values() for module in needs]
        modules, missing = kernel.modules(wanted, scratch)
        disks = [disk for disk, needs in debian.DISKS.items() if not set(needs) & set(missing)]
        outcome = guest.run(guest.Options(
            platform=platform, kernel=kernel.image, test="debian", out=out, qemu=args.qemu,
            firmware_dir=args.firmware, busybox=args.busybox, timeout=args.timeout,
            modules=modules, settings={"DISKS": " ".join(disks)}))
    print(f"# {name}: {kernel.release}, boot {outcome.boot_s} s, I/O on {' '.join(disks) or 'no disk'}")
    if not outcome.ok():
        cli.print_failure(out, ["lab/fidelity", "--suite", name.split()[0], "--platform", platform,
                                "--qemu", args.qemu, "--firmware", args.firmware,
                                "--out", args.out])
    return ktap.Result(name, ktap.PASSED if outcome.ok() else ktap.FAILED,
                       subtests=outcome.checks)


def run(args):
    cases = [(s, p) for s in args.suite or SUITES for p in args.platform or PLATFORMS]
    writer = ktap.Writer(sys.stdout, len(cases))
    kernels = {}
    for suite, platform in cases:
        name = f"{suite} {platform}"
        try:
            if suite not in kernels:
                kernels[suite] = debian.Kernel(debian.fetch(suite))
            kernels[suite].require(platform)
            ktap.emit(writer, boot(kernels[suite], platform, args, name))
        except Skip as reason:
            writer.skip(name, reason)
    return 0 if writer.ok() else 1


def main(argv=None):
    ap = argparse.ArgumentParser(prog="lab/fidelity", description=__doc__.splitlines()[0])
    ap.add_argument("--suite", action="append", choices=SUITES, help="default: all")
    ap.add_argument("--platform", action="append", choices=PLATFORMS, help="default: both")
    ap.add_argument("--qemu", default=os.environ.get("CVM_QEMU", ""), metavar="BIN")
    ap.add_argument("--firmware", default=os.environ.get("CVM_FIRMWARE", ""), metavar="DIR")
    ap.add_argument("--busybox", default="")
    ap.add_argument("--out", default=os.path.join("out", "fidelity"), metavar="DIR")
    ap.add_argument("--timeout", type=float, default=0, help="seconds per guest")
    args = ap.parse_args(argv)
    return cli.guarded("lab/fidelity", run, args)
