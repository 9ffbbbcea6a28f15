# SPDX-License-Identifier: GPL-2.0
"""The IOMMU's chart: what a packet costs in each kind of domain, out of
bench.json.  Each function returns (svg, table rows), as those in charts.py do."""

from cvmlab.figures_iommu import NAMES, WAYS

from . import svg
from .charts import BAR, GAP, LEFT, RIGHT, WIDTH, _axis, _legend, _scale

# "to" is what a packet is: map + unmap of a page that the device reads
COLORS = {"strict": "size-4k", "lazy": "size-4k", "passthrough": "size-other"}
LEGEND = (("size-4k", "stock, translated"), ("size-other", "stock, passthrough"),
          ("size-2m", "series"))


def _may_write(row):
    """Under load, where it was measured."""
    found = row.get("writable_bytes")
    return f"{found['load'] / 1024:.0f}" if found else "–"


def packets(rows):
    """Bars: instructions to map and unmap a page for a device to read."""
    parts, table, y = _legend(16, LEGEND), [], 44
    marks, x = _scale(max(r["map"]["to"] + r["unmap"]["to"] for r in rows))
    for platform in dict.fromkeys(r["platform"] for r in rows):
        kinds = [r for r in rows if r["platform"] == platform]
        parts.append(svg.text(0, y + 4, NAMES[platform], "panel"))
        top = y = y + 12
        bottom = top + len(kinds) * (BAR + GAP)
        parts += _axis(marks, x, top, bottom)
        for r in kinds:
            value = round(r["map"]["to"] + r["unmap"]["to"])
            asked = r["requests"]["e1000e.linear"] + r["wakes"]["e1000e.linear"]
            parts += [svg.text(LEFT - 8, y + GAP / 2 + 14, r["kind"], "label", "end"),
                      svg.rect(x(0), y + GAP / 2, x(value) - x(0), BAR,
                               COLORS.get(r["kind"], "size-2m"), f"{r['kind']}: {value}"),
                      svg.text(x(value) + 6, y + GAP / 2 + 14, svg.number(value), "label")]
            table.append([NAMES[platform], r["kind"], value, f"{asked:g}",
                          *(round(r["map"][way] + r["unmap"][way]) for way in WAYS[1:]),
                          _may_write(r)])
            y += BAR + GAP
        parts.append(svg.text(WIDTH - RIGHT, bottom + 30, "instructions", "tick", "end"))
        y = bottom + 60
    image = svg.chart("iommu", "An IOMMU's price of a packet",
                      "Instructions to map and unmap a page that a device reads, for each kind "
                      "of domain on each emulated IOMMU; the table below has the numbers.",
                      WIDTH, y - 20, parts)
    head = ["IOMMU", "domain", "instructions, to the device", "requests and wake-ups per packet",
            *(f"instructions, {'from the device' if way == 'from' else 'both ways'}"
              for way in WAYS[1:]), "devices may write under load, KiB"]
    return image, [head] + table
