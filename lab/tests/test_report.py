# SPDX-License-Identifier: GPL-2.0
"""The demo's figures and the report, from made-up stats."""

import copy
import json
import os
import re
import tempfile
import unittest
import xml.etree.ElementTree as ET

from cvmlab import demo, stats
from cvmlab.errors import LabError
from cvmlab.guest import Outcome
from report import charts, page, svg

WAY = {"size-4k": 1492, "size-2m": 128, "other": 3, "pages": 70000}
STATS = {
    "version": 1, "kind": "sev", "launches": 1,
    "conversions": {"to-shared": WAY, "to-private": {**WAY, "size-2m": 0}},
    "declarations": {"requests": 2, "pages": 9}, "hypercalls": {"total": 3000, "conversion": 2700},
    "shared-pages": 66000, "shared-pages-peak": 66500,
    "frames": {"shared": 127, "mixed": 12, "mixed-peak": 14}, "mixed-frames": [],
    "violations": {"cpu": 0, "dma": 0, "log": []},
    "timeline": [{"time-ns": 0, "shared-pages": 0, "mixed": 0},
                 {"time-ns": 2500000000, "shared-pages": 66500, "mixed": 14},
                 {"time-ns": 9100000000, "shared-pages": 66000, "mixed": 12}],
}


def outcome(final=None):
    final = copy.deepcopy(STATS if final is None else final)
    return Outcome(marks={"final": final}, stats=final, boot_s=3.25, facts={
        "direct_map_4k_kb.before": "30548", "direct_map_4k_kb.after": "46932",
        "checksums": [{"disk": "virtio-blk", "area": "read", "bytes": 1 << 24, "ok": True},
                      {"disk": "nvme", "area": "read", "bytes": 1 << 24, "ok": True}]})


def whole():
    return {p: {k: demo.entry("x", outcome(), f"{p} {k}") for k in demo.KERNELS}
            for p in demo.PLATFORMS}


class Entry(unittest.TestCase):
    def test_shape(self):
        entry = demo.entry("x", outcome(), "sev stock")
        self.assertEqual(entry, {
            "conversions": {"to_shared": {"4k": 1492, "2m": 128, "other": 3},
                            "to_private": {"4k": 1492, "2m": 0, "other": 3}},
            "mixed_frames": 12, "shared_pages": 66000, "shared_pages_peak": 66500,
            "hypercalls": 2700, "violations": {"cpu": 0, "dma": 0},
            "direct_map_4k_kb": {"before": 30548, "after": 46932},
            "io": {"bytes": 1 << 25, "checksum_ok": True}, "boot_s": 3.25})

    def test_one_bad_checksum(self):
        bad = outcome()
        bad.facts["checksums"][1]["ok"] = False
        self.assertFalse(demo.entry("x", bad, "w")["io"]["checksum_ok"])

    def test_every_missing_figure_is_named(self):
        for path in ("conversions.to-shared.size-4k", "conversions.to-private.size-2m",
                     "frames.mixed", "shared-pages", "shared-pages-peak", "hypercalls.conversion",
                     "violations.cpu", "violations.dma"):
            broken = copy.deepcopy(STATS)
            *way, last = path.split(".")
            tree = broken
            for key in way:
                tree = tree[key]
            del tree[last]
            with self.assertRaisesRegex(LabError, "sev stock.*" + path.replace(".", r"\.")):
                demo.entry("x", outcome(broken), "sev stock")

    def test_no_number(self):
        for value in (None, "12", True):
            with self.assertRaisesRegex(LabError, "not a number"):
                demo.entry("x", outcome({**STATS, "shared-pages": value}), "w")

    def test_missing_facts(self):
        for key in ("direct_map_4k_kb.after", "checksums"):
            bad = outcome()
            del bad.facts[key]
            with self.assertRaises(LabError):
                demo.entry("x", bad, "w")

    def test_missing_mark(self):
        bad = outcome()
        bad.marks = {}
        with self.assertRaisesRegex(LabError, "no stats at the end"):
            demo.entry("x", bad, "w")


class Failed(unittest.TestCase):
    @staticmethod
    def results(kernel, name):
        bad = outcome()
        bad.check(name, False, "1 by a CPU")
        return {("sev", kernel): bad, ("tdx", kernel): outcome()}

    def test_violation_of_the_stock_kernel_is_a_figure(self):
        self.assertEqual(demo.failed(self.results("stock", "no violation")), {})

    def test_everything_else_fails(self):
        for kernel, name in (("series", "no violation"), ("stock", "console"),
                             ("series", "console")):
            self.assertEqual(list(demo.failed(self.results(kernel, name))), [("sev", kernel)])


class Table(unittest.TestCase):
    def test_columns(self):
        lines = demo.table(whole())
        self.assertEqual(lines[0].split(), "sev stock sev series tdx stock tdx series "
                         "hv-vbs stock hv-vbs series".split())
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertIn("1492", lines[1])

    def test_wrong_checksum_is_loud(self):
        data = whole()
        data["tdx"]["series"]["io"]["checksum_ok"] = False
        self.assertIn("WRONG", "\n".join(demo.table(data)))


class Svg(unittest.TestCase):
    def test_ticks(self):
        for top in (0, 1, 3, 12, 99, 1492, 66000, 0.4):
            marks = svg.ticks(top)
            self.assertEqual(marks[0], 0)
            self.assertGreaterEqual(marks[-1], top)
            self.assertLessEqual(len(marks), 7)

    def test_text_is_escaped(self):
        self.assertNotIn("<b>", svg.text(0, 0, "<b>&"))


class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.demo = self.put("demo.json", whole())
        for p in demo.PLATFORMS:
            for k in demo.KERNELS:
                self.put(f"demo/{p}-{k}/stats-final.json", STATS)

    def put(self, name, value):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(value, file)
        return path

    def write(self):
        path = page.write(self.demo, os.path.join(self.dir, "demo"),
                          os.path.join(self.dir, "report"))
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_self_contained(self):
        text = self.write()
        for word in ("http:", "https:", "<script", "<link", "@import", "url("):
            self.assertNotIn(word, text)

    def test_well_formed_and_labelled(self):
        text = self.write()
        root = ET.fromstring(re.sub(r"<!DOCTYPE html>|<meta[^>]*>", "", text))
        images = root.findall(".//svg")
        self.assertEqual(len(images), 3)
        for image in images:
            ids = image.get("aria-labelledby").split()
            self.assertEqual([image.find(tag).get("id") for tag in ("title", "desc")], ids)
            self.assertEqual(image.get("role"), "img")
        self.assertEqual(len(root.findall(".//table")), 4)
        for cell in root.findall(".//thead//th"):
            self.assertEqual(cell.get("scope"), "col")

    def test_drawn_numbers_are_tabled(self):
        image, rows = charts.conversions(whole())
        self.assertIn(svg.number(1623), image)
        self.assertEqual(rows[1], ["SEV", "stock", "to shared", 1492, 128, 3, 1623])

    def test_all_zero_draws(self):
        data = whole()
        for p in demo.PLATFORMS:
            for k in demo.KERNELS:
                data[p][k]["mixed_frames"] = 0
                for way in data[p][k]["conversions"].values():
                    way.update({"4k": 0, "2m": 0, "other": 0})
        charts.conversions(data)

    def test_missing_figures_leave_no_page(self):
        data = whole()
        del data["tdx"]["series"]["mixed_frames"]
        self.put("demo.json", data)
        with self.assertRaisesRegex(LabError, "mixed_frames"):
            self.write()
        self.assertFalse(os.path.exists(os.path.join(self.dir, "report")))

    def test_missing_timeline(self):
        self.put("demo/tdx-stock/stats-final.json", {**STATS, "timeline": []})
        with self.assertRaisesRegex(LabError, "tdx stock: the stats have no timeline"):
            self.write()

    def test_no_demo(self):
        os.unlink(self.demo)
        with self.assertRaisesRegex(LabError, "run lab/demo first"):
            self.write()


class Stats(unittest.TestCase):
    def test_timeline_units(self):
        self.assertEqual(stats.timeline(STATS, "w"),
                         [(0, 66500 / 256, 14), (6.6, 66000 / 256, 12)])

    def test_timeline_without_any_sharing(self):
        point = {"time-ns": 5, "shared-pages": 0, "mixed": 0}
        self.assertEqual(stats.timeline({"timeline": [point]}, "w"), [(0, 0, 0)])
