# SPDX-License-Identifier: GPL-2.0
"""index.html around the charts: self-contained, light and dark, printable."""

import json
import os

from cvmlab.stats import timeline
from cvmlab.errors import LabError

from . import charts, iommu
from .svg import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #ffffff;
  --rule: #d8dde4; --a: #b4431f; --b: #1f6fb2; --c: #8a7a2c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4;
  --paper: #14181f; --rule: #333c49; --a: #f0835c; --b: #6db4ee; --c: #d3c06a; } }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p.soft, caption { color: var(--soft); }
svg { width: 100%; height: auto; margin: .5rem 0; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .tick { fill: var(--soft); font-size: 11px; } svg .panel { font-weight: 600; font-size: 14px; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
.size-4k, .peak { fill: var(--a); } .size-2m, .now { fill: var(--b); } .size-other { fill: var(--c); }
.peak { opacity: .75; }
polyline { fill: none; } .line-stock { stroke: var(--a); stroke-width: 2; stroke-dasharray: 6 4; }
.line-series { stroke: var(--b); stroke-width: 2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--rule); text-align: right;
  font-variant-numeric: tabular-nums; }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--soft); }
@media print { body { max-width: none; } details { display: block; } }
"""


def table(rows, caption):
    """rows: the first is the head; the first column names the row."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
    body = "".join("<tr>" + f'<th scope="row">{escape(row[0])}</th>'
                   + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
                   for row in rows[1:])
    return (f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")


def section(title, explanation, image, rows):
    return (f"<section><h2>{escape(title)}</h2><p>{escape(explanation)}</p>{image}"
            f'<details open=""><summary>The numbers</summary>{table(rows, title)}</details></section>')


def render(demo, stats, summary, measured=()):
    """The page's text.  stats: {(platform, kernel): stats at the end}.  measured:
    rows of an IOMMU, if there are any."""
    timelines = {key: timeline(value, " ".join(key)) for key, value in stats.items()}
    parts = [
        section("All figures", "Each guest, with 4 GiB and two processors, did the same: boot, "
                "virtio-blk read and write with checksums, ten up/down cycles of e1000e and igb, "
                "ten unbind/bind cycles of e1000e, igb and nvme, and a final read. Hyper-V's guests "
                "did the same with its own disk and NIC too: compare their kernels, not their "
                "platform with another.", "", summary),
        section("Conversions by size", "Each conversion between private and shared is a request "
                "to the host. One that is a whole, aligned 2 MiB leaves the host's large page in "
                "one piece; a 4 KiB one splits it.", *charts.conversions(demo)),
        section("Mixed 2 MiB frames", "A frame that is partly private and partly shared cannot "
                "be one large page on the host: it is split, or allocated twice. The "
                "number differs by a few frames between runs of one kernel: a small "
                "difference between two bars means nothing.",
                *charts.mixed(demo, stats)),
        section("Shared memory over time", "What the guest shares with its host, from the "
                "first shared page on. The time is that of an emulator on a host that may be "
                "busy: compare levels, not lengths.", *charts.over_time(timelines)),
    ]
    if measured:
        parts.append(section(
            "Sending through an IOMMU", "Not of confidential guests: what it costs to map and "
            "unmap a page that a device only reads, such as a packet, for each kind of domain. "
            "Strict, lazy and passthrough are the stock kernel's; off is the series without "
            "DMA-RO. Requests and wake-ups are what the emulated IOMMU is asked for each packet. "
            "What devices may write while a NIC sends and a disk is read and written, only the "
            "virtio IOMMU tells.",
            *iommu.packets(measured)))
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<title>Memory shared with the host: stock and series</title>"
            f"<style>{STYLE}</style></head><body><main>"
            "<h1>What a confidential guest shares with its host: stock kernel and series</h1>"
            '<p class="soft">The platforms are emulated from the guest\u2019s side: counts of '
            "conversions and frames are what hardware would see; times are those of an "
            "emulator.</p>" + "".join(parts) + "</main></body></html>\n")


def _load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as err:
        raise LabError(f"cannot read {path}: {err.strerror}; run lab/demo first") from None
    except ValueError as err:
        raise LabError(f"{path} is no JSON: {err}") from None


def _measured(folder):
    """What the last `make bench` found out about IOMMUs, or nothing."""
    path = os.path.join(folder, "bench.json")
    return _load(path).get("iommu", ()) if os.path.exists(path) else ()


def write(demo_path, stats_dir, out):
    """Make out/index.html from demo.json and the demo's folder of stats.
    Return: its path.  A figure that is missing is an error, and then no page
    is left behind."""
    from cvmlab.demo import ROWS
    demo = _load(demo_path)
    keys = [(p, k) for p in charts.PLATFORMS for k in charts.KERNELS]
    try:
        stats = {key: _load(os.path.join(stats_dir, "-".join(key), "stats-final.json"))
                 for key in keys}
        summary = [["", *(f"{charts.NAMES[p]} {k}" for p, k in keys)]]
        summary += [[title, *(value(demo[p][k]) for p, k in keys)] for title, value in ROWS]
        text = render(demo, stats, summary, _measured(os.path.dirname(demo_path)))
    except KeyError as err:
        raise LabError(f"{demo_path} or the stats beside it have no figure {err}") from None
    path = os.path.join(out, "index.html")
    os.makedirs(out, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
