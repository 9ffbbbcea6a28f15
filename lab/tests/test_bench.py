# SPDX-License-Identifier: GPL-2.0
"""Figures and targets, out of outcomes that are made up."""

import unittest
from unittest import mock

from cvmlab import bench, figures, guest, tests
from cvmlab.errors import LabError, Skip


def stats(small=0, mixed=(), hypercalls=0):
    ways = {"size-4k": small, "size-2m": 7, "other": 0}
    return {"conversions": {"to-shared": ways, "to-private": dict(ways, **{"size-4k": 0})},
            "hypercalls": {"conversion": hypercalls},
            "mixed-frames": [{"gpa": frame << 21} for frame in mixed]}


def cycles(**more):
    values = {"boot": 10, "final": 10, "mixed": (0, 4), "calls": 5, "map": 100, **more}
    return guest.Outcome(
        marks={"boot": stats(values["boot"]),
               "final": stats(values["final"], values["mixed"], values["calls"])},
        facts={"direct_map_4k_kb.before": "100", "direct_map_4k_kb.after": str(values["map"])})


def met(found):
    return {f.name: f.met for f in found}


class Cycles(unittest.TestCase):
    def of(self, platform="sev", stock=None, series=None):
        pair = figures.Pair(platform, "cycles", stock or cycles(final=500, calls=50),
                            series or cycles())
        return list(figures.of_cycles(pair))

    def test_all_met(self):
        found = self.of()
        self.assertEqual([f.met for f in found], [None, True, True, True, True])
        self.assertEqual((found[1].stock, found[1].series), (490, 0))

    def test_each_target_can_be_missed(self):
        for series, name in ((cycles(final=11), "conversions below 2 MiB after boot"),
                             (cycles(mixed=(0, 1, 2, 3)), "mixed frames at the end"),
                             (cycles(map=104), "DirectMap4k growth, kB"),
                             (cycles(calls=6), "conversion hypercalls")):
            missed = [n for n, ok in met(self.of(series=series)).items() if ok is False]
            self.assertEqual(missed, [name])

    def test_tdx_has_its_own_targets(self):
        found = met(self.of("tdx", series=cycles(mixed=(0, 1), calls=60)))
        self.assertTrue(found["mixed frames at the end"])
        self.assertIsNone(found["conversion hypercalls"])
        found = met(self.of("tdx", series=cycles(mixed=(1, 2))))
        self.assertFalse(found["mixed frames at the end"])

    def test_what_is_missing_is_named(self):
        lame = cycles()
        del lame.marks["final"]
        with self.assertRaisesRegex(LabError, "cycles on sev with the series kernel: "
                                              "no stats at the mark final"):
            self.of(series=lame)
        lame = cycles()
        del lame.facts["direct_map_4k_kb.after"]
        with self.assertRaisesRegex(LabError, "stock kernel: the guest did not report direct_map"):
            self.of(stock=lame)


class Others(unittest.TestCase):
    def rounds(self, series):
        def outcome(mixed, kb):
            return guest.Outcome(
                marks={"round-2": stats(mixed=(1,)), "round-20": stats(mixed=mixed)},
                facts={"direct_map_4k_kb.round-2": "10", "direct_map_4k_kb.round-20": kb})
        pair = figures.Pair("sev", "rounds", outcome((1, 2, 3), "99"), outcome(*series))
        return [f.met for f in figures.of_rounds(pair, 20)]

    def test_rounds(self):
        self.assertEqual(self.rounds(((1,), "10")), [True, True])
        self.assertEqual(self.rounds(((1, 5), "10")), [False, True])
        self.assertEqual(self.rounds(((), "11")), [True, False])

    def idle_load(self, *series):
        def outcome(*pages):
            return guest.Outcome(facts={f"shared_pages.{k}": str(v) for k, v in
                                        zip(("idle", "load", "after"), pages)})
        pair = figures.Pair("sev", "idle-load", outcome(400, 400, 400), outcome(*series))
        return [f.met for f in figures.of_idle_load(pair)]

    def test_idle_load(self):
        self.assertEqual(self.idle_load(100, 300, 110), [True, True, True])
        self.assertEqual(self.idle_load(101, 300, 110), [False, True, True])
        self.assertEqual(self.idle_load(100, 100, 111), [True, False, False])

    def insns(self, platform, stock, series):
        def outcome(n):
            keys = [f"instructions.{d}.{s}" for d, s in figures.READS]
            keys += ["instructions.dma_map.x100", "instructions.dma_unmap.x100"]
            return guest.Outcome(facts=dict.fromkeys(keys, str(n)))
        pair = figures.Pair(platform, "insns", outcome(stock), outcome(series))
        return [f.met for f in figures.of_insns(pair)]

    def test_insns(self):
        self.assertEqual(self.insns("sev", 1000, 1010), [True] * 4)
        self.assertEqual(self.insns("sev", 1000, 1011), [False] * 4)
        self.assertEqual(self.insns("plain", 1000, 1010), [True] * 6)
        self.assertEqual(self.insns("plain", 1000, 1011), [False] * 6)

    def test_table(self):
        rows = [figures.Figure("a", "sev", 9, 1, "at most 2", True),
                figures.Figure("b", "sev", 9, 3, "at most 2", False),
                figures.Figure("c", "tdx", 9, 3)]
        lines = figures.table(rows)
        self.assertTrue(lines[1].endswith("at most 2: met"))
        self.assertTrue(lines[2].endswith("at most 2: NOT MET"))
        self.assertTrue(lines[3].endswith(" 3"))
        self.assertEqual(figures.as_json(rows)[1],
                         {"name": "b", "platform": "sev", "stock": 9, "series": 3,
                          "target": "at most 2", "met": False})


class Runs(unittest.TestCase):
    KERNELS = {"stock": "s", "series": "t"}

    def test_stock_and_series_of_one_test(self):
        asked = []

        def run(options):
            asked.append((options.test, options.platform, options.kernel))
            return cycles()
        with mock.patch.object(guest, "run", run), mock.patch("sys.stderr"):
            found = bench.run(self.KERNELS, "q", "f", "out", only=("cycles",))
        self.assertEqual(sorted(asked), [("cycles", p, k) for p in ("sev", "tdx") for k in "st"])
        self.assertEqual({f.platform for f in found}, {"sev", "tdx"})

    def test_a_skip_is_no_measurement(self):
        with mock.patch.object(guest, "run", side_effect=Skip("no counter")):
            with self.assertRaisesRegex(LabError, "insns on plain cannot be measured: no counter"):
                bench.run(self.KERNELS, "q", "f", "out", only=("insns",))

    def test_one_error_does_not_cost_the_rest(self):
        def run(options):
            if options.platform == "sev":
                raise LabError("no stats")
            return cycles()
        broken = []
        with mock.patch.object(guest, "run", run), mock.patch("sys.stderr"):
            found = bench.run(self.KERNELS, "q", "f", "out", only=("cycles",), broken=broken)
        self.assertEqual([str(error) for error in broken], ["no stats"])
        self.assertEqual({f.platform for f in found}, {"tdx"})

    def test_one_pool_beside_a_list(self):
        def run(options):
            each = 1000 if options.append == bench.LIST else 10
            return guest.Outcome(facts={
                f"{what}.newest.{n}.{disk}.{size}": str(each * n)
                for n in bench.CHUNKS for disk, size in figures.READS
                for what in ("instructions", "instructions_median")})
        with mock.patch.object(guest, "run", run):
            rows = bench.bounce_list("t", "q", "f", "out")
        self.assertEqual(len(rows), 2 * len(figures.READS) * len(bench.CHUNKS))
        self.assertEqual((rows[1]["chunks"], rows[1]["pool"], rows[1]["list"]), (2, 20, 2000))
        self.assertEqual(len(bench.bounce_table(rows)), len(rows) + 1)

    def test_every_test_of_the_plan_exists_and_suits(self):
        for test, platforms, _, _ in bench.plan(20):
            for platform in platforms:
                self.assertTrue(tests.load(test).runs_on(platform), (test, platform))

    def test_too_few_rounds(self):
        with self.assertRaisesRegex(LabError, "20 at least"):
            bench.run(self.KERNELS, "q", "f", "out", rounds=10)
