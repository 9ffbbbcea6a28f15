# SPDX-License-Identifier: GPL-2.0
"""The three charts: conversions by size, mixed frames, shared memory over time.

Each function returns (svg, table rows): the numbers drawn are the numbers
tabled.  Each platform has a panel of its own, because their counts differ by
an order of magnitude and only stock against series is to be compared.
"""

from . import svg

PLATFORMS, KERNELS = ("sev", "tdx", "hv-vbs"), ("stock", "series")
SIZES = (("4k", "4 KiB"), ("2m", "whole 2 MiB"), ("other", "other ranges"))
WAYS = (("to_shared", "to shared"), ("to_private", "to private"))
NAMES = {"sev": "SEV", "tdx": "TDX", "hv-vbs": "Hyper-V VBS"}
WIDTH, LEFT, RIGHT = 720, 150, 70
BAR, GAP = 20, 9


def _scale(top):
    """Axis values, and a function from a value to x."""
    marks = svg.ticks(top)
    span = WIDTH - LEFT - RIGHT
    return marks, lambda value: LEFT + span * value / marks[-1]


def _axis(marks, x, top, bottom):
    parts = []
    for mark in marks:
        parts += [svg.line(x(mark), top, x(mark), bottom),
                  svg.text(x(mark), bottom + 14, svg.number(mark), "tick", "middle")]
    return parts


def _legend(y, items):
    parts, at = [], LEFT
    for cls, name in items:
        parts += [svg.rect(at, y - 10, 12, 12, cls), svg.text(at + 18, y, name, "tick")]
        at += 30 + 7 * len(name)
    return parts


def conversions(demo):
    """Stacked bars: conversion requests by direction and size."""
    parts = _legend(16, [("size-" + key, name) for key, name in SIZES])
    rows, y = [], 44
    for platform in PLATFORMS:
        bars = [(way, kernel, demo[platform][kernel]["conversions"][way])
                for way, _ in WAYS for kernel in KERNELS]
        marks, x = _scale(max(sum(counts.values()) for _, _, counts in bars))
        parts.append(svg.text(0, y + 4, NAMES[platform], "panel"))
        top = y + 12
        y = top
        bottom = top + len(bars) * (BAR + GAP)
        parts += _axis(marks, x, top, bottom)
        for way, kernel, counts in bars:
            label = f"{dict(WAYS)[way]}, {kernel}"
            parts += _stack(label, counts, x, y + GAP / 2)
            rows.append([NAMES[platform], kernel, dict(WAYS)[way],
                         *(counts[key] for key, _ in SIZES), sum(counts.values())])
            y += BAR + GAP
        parts.append(svg.text(WIDTH - RIGHT, bottom + 30, "conversion requests", "tick", "end"))
        y = bottom + 60
    image = svg.chart("conversions", "Conversions by size",
                      "Number of requests to convert memory, by direction and size, "
                      "for the stock and the series kernel on each platform; "
                      "the table below has the numbers.", WIDTH, y - 20, parts)
    head = ["platform", "kernel", "direction", *(name for _, name in SIZES), "requests"]
    return image, [head] + rows


def _stack(label, counts, x, y):
    parts = [svg.text(LEFT - 8, y + 14, label, "label", "end")]
    at = 0
    for key, name in SIZES:
        start, at = at, at + counts[key]
        if counts[key]:
            parts.append(svg.rect(x(start), y, x(at) - x(start), BAR, "size-" + key,
                                  f"{label}, {name}: {counts[key]}"))
    parts.append(svg.text(x(at) + 6, y + 14, svg.number(at), "label"))
    return parts


def mixed(demo, stats):
    """Bars: frames that are partly private and partly shared, end and peak."""
    rows, parts = [], _legend(16, [("now", "at the end"), ("peak", "at most, during the run")])
    values = {(p, k): (demo[p][k]["mixed_frames"], stats[p, k]["frames"]["mixed-peak"])
              for p in PLATFORMS for k in KERNELS}
    marks, x = _scale(max(max(pair) for pair in values.values()))
    y = top = 30
    bottom = top + len(values) * (2 * 14 + GAP)
    parts += _axis(marks, x, top, bottom)
    for (platform, kernel), (now, peak) in values.items():
        label = f"{NAMES[platform]}, {kernel}"
        parts.append(svg.text(LEFT - 8, y + 20, label, "label", "end"))
        for value, cls, tip in ((now, "now", "at the end"), (peak, "peak", "at most")):
            parts += [svg.rect(x(0), y + 4, x(value) - x(0), 12, cls, f"{label}, {tip}: {value}"),
                      svg.text(x(value) + 6, y + 14, svg.number(value), "tick")]
            y += 14
        y += GAP
        rows.append([NAMES[platform], kernel, now, peak])
    parts.append(svg.text(WIDTH - RIGHT, bottom + 30, "2 MiB frames", "tick", "end"))
    image = svg.chart("mixed", "Mixed 2 MiB frames",
                      "Number of 2 MiB frames of guest memory that hold both private and "
                      "shared 4 KiB pages, at the end of the run and at most.",
                      WIDTH, bottom + 40, parts)
    return image, [["platform", "kernel", "at the end", "at most"]] + rows


def over_time(timelines):
    """Step lines: shared memory over the guest's time, one panel a platform.

    timelines: {(platform, kernel): [(seconds, MiB, mixed)]}.
    """
    height, parts, rows, y = 150, [], [], 20
    for platform in PLATFORMS:
        lines = {k: timelines[platform, k] for k in KERNELS}
        ends = max(points[-1][0] for points in lines.values())
        top_mib = max(p[1] for points in lines.values() for p in points)
        xmarks, ymarks = svg.ticks(ends), svg.ticks(top_mib)
        span = WIDTH - LEFT - RIGHT
        base = y + 14 + height
        parts.append(svg.text(0, y + 4, NAMES[platform], "panel"))
        for mark in ymarks:
            at = base - height * mark / ymarks[-1]
            parts += [svg.line(LEFT, at, WIDTH - RIGHT, at),
                      svg.text(LEFT - 8, at + 4, svg.number(mark) + " MiB", "tick", "end")]
        for mark in xmarks:
            parts.append(svg.text(LEFT + span * mark / xmarks[-1], base + 16,
                                  svg.number(mark) + " s", "tick", "middle"))
        for kernel, points in lines.items():
            parts.append(svg.polyline(
                _steps([(LEFT + span * s / xmarks[-1], base - height * mib / ymarks[-1])
                        for s, mib, _ in points]), "line-" + kernel))
            rows.append([NAMES[platform], kernel, f"{points[-1][0]:.1f}",
                         f"{max(p[1] for p in points):.2f}", f"{points[-1][1]:.2f}"])
        parts += _names(lines, base + 36)
        y = base + 60
    image = svg.chart("time", "Shared memory over time",
                      "Memory shared with the host in MiB over the guest's time in seconds, "
                      "stock kernel dashed, series kernel solid.", WIDTH, y - 10, parts)
    return image, [["platform", "kernel", "last change, s", "at most, MiB",
                    "at the end, MiB"]] + rows


def _names(lines, y):
    parts, at = [], LEFT
    for kernel in lines:
        parts += [svg.line(at, y - 4, at + 26, y - 4, "line-" + kernel),
                  svg.text(at + 32, y, kernel, "tick")]
        at += 110
    return parts


def _steps(points):
    """A level holds until the next point: insert the corners."""
    out = points[:1]
    for (_, before), (x, after) in zip(points, points[1:]):
        out += [(x, before), (x, after)]
    return out
