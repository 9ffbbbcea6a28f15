# SPDX-License-Identifier: GPL-2.0
"""lab/demo: {sev, tdx, hv-vbs} x {stock, series}, the same I/O, one table.

Runs the guest test `cycles` in six guests, two at a time: first the stock
kernel on all platforms, whose consoles then are the baseline for the series
kernel.  Writes demo.json (its shape is a contract: see entry()) and the report.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import time

from . import cli, guest, stats
from .errors import LabError

PLATFORMS, KERNELS, TEST = ("sev", "tdx", "hv-vbs"), ("stock", "series"), "cycles"


def entry(folder, outcome, where):
    """One guest's part of demo.json; every figure is the guest's or the
    emulator's, as of the mark "final": before the guest powers off."""
    final = outcome.marks.get("final")
    if final is None:
        raise LabError(f"{where}: no stats at the end of the workload; see {folder}")
    sums = outcome.facts.get("checksums")
    if not sums:
        raise LabError(f"{where}: the guest compared no checksum; see {folder}")
    return {
        "conversions": stats.conversions(final, where),
        "mixed_frames": stats.number(final, "frames.mixed", where),
        "shared_pages": stats.number(final, "shared-pages", where),
        "shared_pages_peak": stats.number(final, "shared-pages-peak", where),
        "hypercalls": stats.number(final, "hypercalls.conversion", where),
        "violations": {kind: stats.number(outcome.stats, f"violations.{kind}", where)
                       for kind in ("cpu", "dma")},
        "direct_map_4k_kb": {when: _fact(outcome, f"direct_map_4k_kb.{when}", where)
                             for when in ("before", "after")},
        "io": {"bytes": sum(s["bytes"] for s in sums),
               "checksum_ok": all(s["ok"] for s in sums)},
        "boot_s": outcome.boot_s,
    }


def _fact(outcome, key, where):
    try:
        return int(outcome.facts[key])
    except (KeyError, ValueError):
        raise LabError(f"{where}: the guest did not report {key}") from None


ROWS = (
    ("to shared: 4 KiB", lambda e: e["conversions"]["to_shared"]["4k"]),
    ("to shared: whole 2 MiB", lambda e: e["conversions"]["to_shared"]["2m"]),
    ("to shared: other ranges", lambda e: e["conversions"]["to_shared"]["other"]),
    ("to private: 4 KiB", lambda e: e["conversions"]["to_private"]["4k"]),
    ("to private: whole 2 MiB", lambda e: e["conversions"]["to_private"]["2m"]),
    ("to private: other ranges", lambda e: e["conversions"]["to_private"]["other"]),
    ("hypercalls for conversions", lambda e: e["hypercalls"]),
    ("mixed 2 MiB frames", lambda e: e["mixed_frames"]),
    ("shared now, MiB", lambda e: f"{e['shared_pages'] / 256:.1f}"),
    ("shared at most, MiB", lambda e: f"{e['shared_pages_peak'] / 256:.1f}"),
    ("direct map in 4 KiB, kB, before", lambda e: e["direct_map_4k_kb"]["before"]),
    ("direct map in 4 KiB, kB, after", lambda e: e["direct_map_4k_kb"]["after"]),
    ("violations by a CPU", lambda e: e["violations"]["cpu"]),
    ("violations by a device", lambda e: e["violations"]["dma"]),
    ("I/O compared, MiB", lambda e: f"{e['io']['bytes'] / 2**20:.0f}"),
    ("checksums", lambda e: "right" if e["io"]["checksum_ok"] else "WRONG"),
    ("boot, s", lambda e: f"{e['boot_s']:.1f}"),
)


def table(demo):
    """The one table, as lines of text."""
    columns = [(p, k) for p in PLATFORMS for k in KERNELS]
    lines = [" " * 32 + "".join(f"{p + ' ' + k:>14}" for p, k in columns)]
    for title, value in ROWS:
        lines.append(f"{title:32}" + "".join(f"{value(demo[p][k])!s:>14}" for p, k in columns))
    return lines


def run_all(args):
    """Boot all guests.  Return: {(platform, kernel): Outcome}."""
    kernels = {"stock": args.stock, "series": args.series}
    results = {}
    start = time.monotonic()
    with guest.pool(args.jobs) as pool:
        for kernel in KERNELS:
            jobs = {}
            for platform in PLATFORMS:
                options = _options(args, platform, kernel, kernels[kernel])
                jobs[pool.submit(guest.run, options)] = platform
            _say(f"boot and I/O with the {kernel} kernel on {', '.join(PLATFORMS)}; "
                 f"consoles: {os.path.join(args.out, 'demo')}/*-{kernel}/console.log", start)
            for job in concurrent.futures.as_completed(jobs):
                outcome = results[jobs[job], kernel] = job.result()
                _say(f"{jobs[job]} {kernel}: {'done' if outcome.ok() else 'not all well'}", start)
    return results


def _say(text, start):
    print(f"== {text} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)


def folder(out, platform, kernel):
    return os.path.join(out, "demo", f"{platform}-{kernel}")


def _options(args, platform, kernel, image):
    baseline = ""
    if kernel == "series":
        baseline = os.path.join(folder(args.out, platform, "stock"), "console.log")
    return guest.Options(platform=platform, kernel=image, test=TEST, qemu=args.qemu,
                         out=folder(args.out, platform, kernel), firmware_dir=args.firmware,
                         busybox=args.busybox, timeout=args.timeout, baseline=baseline)


def failed(results):
    """The guests that make the demo fail.  What the stock kernel does to its
    memory is a figure of the table, not a failure."""
    def fatal(kernel, check):
        return not (kernel == "stock" and check.name == guest.NO_VIOLATION)
    return {key: outcome for key, outcome in results.items()
            if not guest.all_passed(c for c in outcome.checks if fatal(key[1], c))}


def print_failures(results, args):
    """KTAP of what failed, with the console's end and the command to repeat."""
    for (platform, kernel), outcome in results.items():
        print(f"\n{platform} {kernel} failed:")
        cli.print_results(outcome, f"{TEST} on {platform} with the {kernel} kernel")
        argv = ["lab/run", "--platform", platform, "--kernel", getattr(args, kernel),
                "--test", TEST, "--qemu", args.qemu, "--out", folder(args.out, platform, kernel)]
        cli.print_failure(folder(args.out, platform, kernel),
                          argv + (["--firmware", args.firmware] if args.firmware else []))


def report(out):
    """(Re)make the report of the figures in out.  Return: its path."""
    from report import page
    return page.write(os.path.join(out, "demo.json"), os.path.join(out, "demo"),
                      os.path.join(out, "report"))


def run(args):
    if args.report_only:
        print(report(args.out))
        return 0
    start = time.monotonic()
    for name in KERNELS:
        if not getattr(args, name):
            raise LabError(f"--{name} is missing: the {name} kernel's bzImage")
        if not os.path.isfile(getattr(args, name)):
            raise LabError(f"no {name} kernel image at {getattr(args, name)}")
    results = run_all(args)
    broken = failed(results)
    print_failures(broken, args)
    demo = {p: {k: entry(folder(args.out, p, k), results[p, k], f"{p} {k}") for k in KERNELS}
            for p in PLATFORMS}
    path = os.path.join(args.out, "demo.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(demo, file, indent=1)
        file.write("\n")
    page_path = report(args.out)
    print("\n".join(table(demo)))
    print(f"\nfigures: {path}   report: {page_path}   {len(results)} guests in "
          f"{time.monotonic() - start:.0f} s")
    return 1 if broken else 0


def main(argv=None):
    ap = argparse.ArgumentParser(prog="lab/demo", description=__doc__.splitlines()[0])
    ap.add_argument("--stock", default="", metavar="BZIMAGE")
    ap.add_argument("--series", default="", metavar="BZIMAGE")
    ap.add_argument("--qemu", default=os.environ.get("CVM_QEMU", ""), metavar="BIN")
    ap.add_argument("--firmware", default=os.environ.get("CVM_FIRMWARE", ""), metavar="DIR")
    ap.add_argument("--busybox", default="")
    ap.add_argument("--out", default="out", metavar="DIR")
    ap.add_argument("--jobs", type=int, default=2, help="guests at a time (default 2)")
    ap.add_argument("--timeout", type=float, default=0, help="seconds per guest")
    ap.add_argument("--report-only", action="store_true",
                    help="no guest: make the report of the figures in --out again")
    args = ap.parse_args(argv)
    return cli.guarded("lab/demo", run, args)
