# SPDX-License-Identifier: GPL-2.0
"""Figures out of the emulator's stats (qemu/docs: cvm-emu, "Statistics").

A figure that is missing, or that is no number, is an error that names it:
nothing in a table or a chart is ever a default.
"""

from .errors import LabError

# our names -> the names of QAPI, which wants letters first and no underscore
SIZES = {"4k": "size-4k", "2m": "size-2m", "other": "other"}
DIRECTIONS = {"to_shared": "to-shared", "to_private": "to-private"}


def number(tree, path, where):
    """The number at a dotted path of nested objects."""
    for key in path.split("."):
        if not isinstance(tree, dict) or key not in tree:
            raise LabError(f"{where}: there is no figure {path}")
        tree = tree[key]
    if isinstance(tree, bool) or not isinstance(tree, (int, float)):
        raise LabError(f"{where}: {path} is not a number but {tree!r}")
    return tree


def mixed_frames(stats, where, apart=()):
    """How many 2 MiB frames are mixed.  apart: frame numbers not to count."""
    frames = stats.get("mixed-frames") if isinstance(stats, dict) else None
    if not isinstance(frames, list):
        raise LabError(f"{where}: the stats have no mixed-frames")
    return sum(number(f, "gpa", where) >> 21 not in apart for f in frames)


def conversions(stats, where):
    return {way: {size: number(stats, f"conversions.{theirs}.{key}", where)
                  for size, key in SIZES.items()}
            for way, theirs in DIRECTIONS.items()}


def timeline(stats, where):
    """[(seconds, shared MiB, mixed frames)], in order of time.

    Second 0 is when the guest first shares a page: how long firmware and
    decompressor took before says more about the host's load than the kernel.
    """
    points = stats.get("timeline") if isinstance(stats, dict) else None
    if not isinstance(points, list) or not points:
        raise LabError(f"{where}: the stats have no timeline")
    read = [(number(p, "time-ns", where) / 1e9, number(p, "shared-pages", where) / 256,
             number(p, "mixed", where)) for p in points]
    start = next((i for i, point in enumerate(read) if point[1]), 0)
    return [(seconds - read[start][0], mib, mixed) for seconds, mib, mixed in read[start:]]
