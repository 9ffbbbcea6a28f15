# SPDX-License-Identifier: GPL-2.0
"""Runs what `figures`, `figures_hv` and `figures_iommu` need: each test, stock
beside series, two guests at a time.  A test that fails in a guest still yields
its figures, if it reported them; what stands in the way of measuring is an
error.
"""

import contextlib
import os
import sys
import time

from . import figures, figures_hv, figures_iommu, guest, platforms
from .errors import LabError, Skip

KERNELS = ("stock", "series")
CVMS = ("sev", "tdx")
HV_CVMS = ("hv-vbs",)


def plan(rounds):
    """The tests: [(test, platforms, settings, function that makes figures)]."""
    return [
        ("cycles", CVMS, {}, figures.of_cycles),
        ("insns", ("plain", *CVMS), {}, figures.of_insns),
        ("idle-load", CVMS, {}, figures.of_idle_load),
        ("rounds", CVMS, {"ROUNDS": rounds}, lambda pair: figures.of_rounds(pair, rounds)),
        ("hv-cycles", HV_CVMS, {"CYCLES": rounds, "CHANGES": rounds // 2}, figures_hv.of_cycles),
        ("hv-insns", ("hv", *HV_CVMS), {}, figures_hv.of_insns),
        ("kexec", HV_CVMS, {}, figures_hv.of_kexec),
    ]


@contextlib.contextmanager
def _noted(broken):
    """An error within goes into the list broken; without a list, on."""
    try:
        yield
    except LabError as error:
        if broken is None:
            raise
        broken.append(error)


def run(kernels, qemu, firmware, out, rounds=100, only=(), broken=None):
    """Measure.  kernels: {"stock": image, "series": image}.  out: a folder
    for logs and stats.  only: tests to run, all if empty.  broken: a list to
    which errors are added, so that one does not cost the figures of the rest.

    Return: a list of figures.Figure; raises LabError.
    """
    if rounds < 20:
        raise LabError(f"{rounds} rounds of the workload are too few to see growth: 20 at least")
    found, start = [], time.monotonic()
    for test, platforms, settings, make in plan(rounds):
        if only and test not in only:
            continue
        with guest.pool(2) as pool:
            for platform in platforms:
                jobs = {kernel: pool.submit(_guest, test, platform, kernel, image, qemu, firmware,
                                            out, settings)
                        for kernel, image in kernels.items()}
                with _noted(broken):
                    pair = figures.Pair(platform, test, *(jobs[k].result() for k in KERNELS))
                    found += make(pair)
                print(f"   {test} on {platform}: {time.monotonic() - start:.0f} s so far",
                      file=sys.stderr, flush=True)
    return found


CHUNKS = (1, 2, 4, 8, 16)
LIST = "swiotlb=1024"       # 2 MiB: whatever exceeds them is a pool of its own


def bounce_list(image, qemu, firmware, out, broken=None):
    """One pool that is converted chunk by chunk beside a list of pools of one
    chunk each: the same kernel, with more and more chunks in use.  broken: as above.

    Return: [{platform, disk, bytes, chunks, pool, list, pool_median,
    list_median}], in instructions per read; raises LabError.
    """
    rows = []
    with guest.pool(2) as pool:
        jobs = {(platform, kind): pool.submit(_guest, "bounce-list", platform, kind, image, qemu,
                                              firmware, out, {}, append)
                for platform in CVMS for kind, append in (("pool", ""), ("list", LIST))}
        for platform in CVMS:
            with _noted(broken):
                rows += _bounce_rows(platform, {kind: jobs[platform, kind].result()
                                                for kind in ("pool", "list")})
    return rows


def _bounce_rows(platform, outcomes):
    rows = []
    for disk, size in figures.READS:
        for chunks in CHUNKS:
            row = {"platform": platform, "disk": disk, "bytes": size, "chunks": chunks}
            for kind, outcome in outcomes.items():
                where = f"bounce-list on {platform}, {kind}"
                for suffix, name in (("", "instructions"), ("_median", "instructions_median")):
                    read = figures.fact(f"{name}.newest.{chunks}.{disk}.{size}")
                    row[kind + suffix] = read(outcome, where)
            rows.append(row)
    return rows


def bounce_table(rows):
    """Lines of text."""
    lines = ["instructions per read       chunks in use: one pool, least and median; list, the same"]
    for row in rows:
        lines.append("{platform:5}{disk:11}{bytes:6}{chunks:4}{pool:8}{pool_median:8}"
                     "{list:10}{list_median:8}".format(**row))
    return lines


def iommu(machines, firmware, out, broken=None, only=figures_iommu.PLATFORMS):
    """Each kind of domain beside the others, on each emulated IOMMU.  machines:
    {architecture: (kernels, qemu)}, kernels and broken as above.

    Return: [{platform, kind, requests, wakes, map, unmap, ...}], see
    figures_iommu.row(); raises LabError.
    """
    rows, start = [], time.monotonic()

    def measure(test, platform, kind):
        kernel, append = figures_iommu.KINDS[kind]
        kernels, qemu = machines[platforms.find(platform).arch.name]
        return _guest(test, platform, kind.replace(", ", "-"), kernels[kernel], qemu, firmware, out,
                      {}, append)
    with guest.pool(2) as pool:
        jobs = {(platform, kind, test): pool.submit(measure, test, platform, kind)
                for platform in only for kind in figures_iommu.KINDS
                for test in figures_iommu.TESTS}
        for platform in only:
            with _noted(broken):
                rows += [figures_iommu.row(platform, kind, *(jobs[platform, kind, test].result()
                                                             for test in figures_iommu.TESTS))
                         for kind in figures_iommu.KINDS]
            print(f"   IOMMU {platform}: {time.monotonic() - start:.0f} s so far",
                  file=sys.stderr, flush=True)
    return rows


def _guest(test, platform, kernel, image, qemu, firmware, out, settings, append=""):
    folder = os.path.join(out, f"{test}-{platform}-{kernel}")
    try:
        outcome = guest.run(guest.Options(
            platform=platform, kernel=image, test=test, out=folder, qemu=qemu,
            firmware_dir=firmware, settings=settings, append=append))
    except Skip as reason:
        raise LabError(f"{test} on {platform} cannot be measured: {reason}") from None
    for path, status, reason in guest.ktap.Report(outcome.checks).leaves():
        if status == guest.ktap.FAILED:
            print(f"   {platform} {kernel}: {path}: {reason}", file=sys.stderr, flush=True)
    return outcome
