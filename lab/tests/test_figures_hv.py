# SPDX-License-Identifier: GPL-2.0
"""Hyper-V's figures and targets, out of outcomes that are made up."""

import unittest

from cvmlab import figures, figures_hv, guest
from cvmlab.errors import LabError


def stats(shared, mixed=()):
    return {"shared-pages": shared, "mixed-frames": [{"gpa": frame << 21} for frame in mixed]}


def cycles(cold=20, warm=0, pages=5000, early=(900, (3,)), last=(900, (3,))):
    facts = {"add.cold.calls": cold, "add.warm.calls": warm, "add.cold.shared_pages": pages}
    for name, calls in (("cold", cold), ("warm", warm)):
        facts.update({f"add.{name}.to_shared.{size}": calls
                      for size in ("size-4k", "size-2m", "other")})
    return guest.Outcome(marks={"early": stats(*early), "last": stats(*last)},
                         facts={key: str(value) for key, value in facts.items()})


def missed(found):
    return [f.name for f in found if f.met is False]


class Cycles(unittest.TestCase):
    def of(self, series):
        pair = figures.Pair("hv-vbs", "hv-cycles", cycles(99, 99), series)
        return list(figures_hv.of_cycles(pair))

    def test_all_met(self):
        found = self.of(cycles())
        self.assertEqual(missed(found), [])
        self.assertEqual((found[2].stock, found[2].series), (297, 60))
        self.assertEqual(found[0].target, "at most 2 per chunk (20)")

    def test_each_target_can_be_missed(self):
        for series, names in (
                (cycles(cold=21), ["visibility calls per NIC, cold"]),
                (cycles(warm=1), ["visibility calls per NIC, warm",
                                  "conversions per NIC, warm"]),
                (cycles(last=(900, (3, 4))), ["mixed frames added by cycles of a NIC"]),
                (cycles(last=(901, (3,))), ["shared pages added by cycles of a NIC"])):
            self.assertEqual(missed(self.of(series)), names)

    def test_what_is_missing_is_named(self):
        lame = cycles()
        del lame.facts["add.warm.calls"]
        with self.assertRaisesRegex(LabError, "hv-cycles on hv-vbs with the series kernel: "
                                              "the guest did not report add.warm.calls"):
            self.of(lame)


class Others(unittest.TestCase):
    def test_insns(self):
        def outcome(n):
            return guest.Outcome(facts=dict.fromkeys(
                ("instructions.hv-scsi.4096", "instructions.hv-scsi.65536",
                 "instructions.hv-net.receive.x100"), str(n)))
        for series, count in ((1010, 0), (1011, 3)):
            pair = figures.Pair("hv", "hv-insns", outcome(1000), outcome(series))
            self.assertEqual(len(missed(figures_hv.of_insns(pair))), count)

    def test_kexec(self):
        def outcome(second, facts=()):
            return guest.Outcome(marks={"boot-1": stats(40), "boot-2": stats(second)},
                                 facts=dict(facts))

        def left(series):
            return list(figures_hv.of_kexec(
                figures.Pair("hv-vbs", "kexec", outcome(90), series)))[0]
        self.assertEqual((left(outcome(40)).stock, left(outcome(40)).met), (50, True))
        self.assertIs(left(outcome(41)).met, False)
        counted = (("unaccounted.boot-1", "7"), ("unaccounted.boot-2", "7"))
        self.assertIs(left(outcome(90, counted)).met, True)
