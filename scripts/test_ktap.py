#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of ktap.py; prints KTAP itself."""

import io
import os
import sys
import unittest
from concurrent.futures.process import BrokenProcessPool

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ktap  # noqa: E402


def counts(text):
    return tuple(ktap.parse(text.splitlines()).counts)


def errors(text):
    return [reason for _, status, reason in ktap.parse(text.splitlines()).leaves()
            if status == ktap.FAILED]


class Parse(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(counts("KTAP version 1\n1..2\nok 1 a\nnot ok 2 b\n"), (1, 1, 0))

    def test_tap_versions_and_dash(self):
        report = ktap.parse(["TAP version 13", "1..1", "ok 1 - name"])
        self.assertEqual(report.tests[0].name, "name")

    def test_skip_reason(self):
        for line in ("ok 1 a # SKIP no device", "ok 1 a # skip: no device",
                     "not ok 1 a # SKIP no device"):
            report = ktap.parse(["KTAP version 1", "1..1", line])
            self.assertEqual(tuple(report.counts), (0, 0, 1), line)
            self.assertEqual(report.tests[0].reason, "no device")

    def test_skip_all_plan(self):
        self.assertEqual(counts("TAP version 13\n1..0 # SKIP not a CVM\n"), (0, 0, 1))

    def test_plain_hash_is_no_directive(self):
        report = ktap.parse(["KTAP version 1", "1..1", "ok 1 a # rcode=0"])
        self.assertEqual(tuple(report.counts), (1, 0, 0))
        self.assertEqual(report.tests[0].name, "a")

    def test_xfail_is_visible(self):
        self.assertEqual(counts("KTAP version 1\n1..1\nnot ok 1 a # XFAIL known\n"), (0, 0, 1))

    def test_timeout_fails(self):
        self.assertEqual(errors("KTAP version 1\n1..1\nnot ok 1 a # TIMEOUT 30 s\n"),
                         ["TIMEOUT 30 s"])

    def test_missing_plan_fails(self):
        self.assertEqual(counts("KTAP version 1\nok 1 a\n"), (1, 1, 0))

    def test_early_end_fails(self):
        self.assertEqual(counts("KTAP version 1\n1..3\nok 1 a\n"), (1, 1, 0))

    def test_more_than_planned_fails(self):
        self.assertEqual(counts("KTAP version 1\n1..1\nok 1 a\nok 2 b\n"), (2, 1, 0))

    def test_out_of_order_fails(self):
        self.assertEqual(counts("KTAP version 1\n1..2\nok 1 a\nok 3 b\n")[1], 1)

    def test_nothing_fails(self):
        self.assertEqual(counts("hello\nok 1 not in a stream\n"), (0, 1, 0))
        self.assertEqual(counts("KTAP version 1\n1..0\n"), (0, 1, 0))

    def test_unknown_lines_are_ignored(self):
        self.assertEqual(counts("boot\nKTAP version 1\n1..1\nBUG or so\n  ok 1 deep\nok 1 a\n"),
                         (1, 0, 0))

    def test_two_streams(self):
        one = "KTAP version 1\n1..1\nok 1 a\n"
        self.assertEqual(counts(one + one), (2, 0, 0))

    def test_first_stream_cut_short(self):
        self.assertEqual(counts("KTAP version 1\n1..2\nok 1 a\nKTAP version 1\n1..1\nok 1 b\n"),
                         (2, 1, 0))


NESTED = """\
KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..2
    not ok 1 test_1
    ok 2 test_2
  not ok 1 test_3
  ok 2 test_4 # SKIP
not ok 1 example_test_1
ok 2 example_test_2
"""


class Nested(unittest.TestCase):
    def test_counts_leaves(self):
        self.assertEqual(counts(NESTED), (2, 1, 1))

    def test_paths(self):
        paths = [path for path, _, _ in ktap.parse(NESTED.splitlines()).leaves()]
        self.assertEqual(paths[0], "example_test_1/test_3/test_1")

    def test_parent_fails_alone(self):
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 a\nnot ok 1 p\n"
        self.assertEqual(counts(text), (1, 1, 0))

    def test_subtest_cut_short(self):
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 a\nok 1 p\n"
        self.assertEqual(counts(text), (1, 1, 0))

    def test_parent_never_reported(self):
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 a\n"
        self.assertEqual(counts(text), (1, 1, 0))


KUNIT = """\
[    0.412345] KTAP version 1
[    0.412346] 1..2
[    0.412400]     KTAP version 1
[    0.412401]     # Subtest: pool
[    0.412402]     # module: swiotlb_kunit
[    0.412403]     1..2
[    0.412500]     # alloc: EXPECTATION FAILED at kernel/dma/x.c:10
[    0.412501]     not ok 1 alloc
[    0.412600]         KTAP version 1
[    0.412601]         # Subtest: sizes
[    0.412602]         ok 1 4096
[    0.412603]         ok 2 8192 # SKIP too small
[    0.412604]     # sizes: pass:1 fail:0 skip:1 total:2
[    0.412605]     ok 2 sizes
[    0.412606] # pool: pass:1 fail:1 skip:0 total:2
[    0.412607] # Totals: pass:1 fail:1 skip:1 total:3
[    0.412608] not ok 1 pool
[    0.412700][    T1]     KTAP version 1
[    0.412701][    T1]     # Subtest: other
[    0.412702][    T1]     1..1
[    0.412703][    T1]     ok 1 a
[    0.412704][    T1] ok 2 other
"""


class Kunit(unittest.TestCase):
    def test_console(self):
        self.assertEqual(counts(KUNIT), (2, 1, 1))

    def test_panic_in_the_middle(self):
        cut = KUNIT.split("[    0.412606]")[0] + "[    0.5] Kernel panic - not syncing\n"
        self.assertEqual(counts(cut)[1], 3)     # alloc, pool's own result, the plan

    def test_carriage_returns(self):
        self.assertEqual(counts(KUNIT.replace("\n", "\r\n")), (2, 1, 1))


class Write(unittest.TestCase):
    def test_round_trip(self):
        out = io.StringIO()
        writer = ktap.Writer(out, 3)
        writer.result(True, "a # b")
        writer.result(False, "c", "because\nof this")
        writer.skip("d", "no device")
        self.assertEqual(counts(out.getvalue()), (1, 1, 1))
        self.assertFalse(writer.ok())

    def test_emit_keeps_counts(self):
        for text in (NESTED, KUNIT):
            report = ktap.parse(text.splitlines())
            out = io.StringIO()
            writer = ktap.Writer(out, len(report.tests))
            for test in report.tests:
                ktap.emit(writer, test)
            self.assertEqual(counts(out.getvalue()), tuple(report.counts))

    def test_emit_errors_fail(self):
        out = io.StringIO()
        ktap.emit(ktap.Writer(out, 1), ktap.Result("a", ktap.PASSED, errors=["planned 2"]))
        self.assertEqual(counts(out.getvalue())[1], 1)

    def test_plan_not_met(self):
        writer = ktap.Writer(io.StringIO(), 2)
        writer.result(True, "a")
        self.assertFalse(writer.ok())


class Adaptor(unittest.TestCase):
    @staticmethod
    def run_class(cls):
        out, parallel = io.StringIO(), io.StringIO()
        status = ktap.run_unittests(cls, stream=out)
        ktap.run_unittests(cls, stream=parallel, jobs=2)
        if parallel.getvalue() != out.getvalue():
            raise AssertionError("jobs=2 prints something else")
        return status, counts(out.getvalue())

    def test_all_kinds(self):
        class Case(unittest.TestCase):
            def test_pass(self):
                pass

            def test_fail(self):
                self.fail("no")

            def test_error(self):
                raise ValueError("x # y")

            def test_skip(self):
                self.skipTest("reason")

            def test_subtests(self):
                for i in range(3):
                    with self.subTest(i=i):
                        self.assertNotEqual(i, 1)
        self.assertEqual(self.run_class(Case), (1, (1, 3, 1)))

    def test_class_skip_and_error(self):
        class Skip(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise unittest.SkipTest("no tool")

            def test_a(self):
                pass

            def test_b(self):
                pass

        class Error(Skip):
            @classmethod
            def setUpClass(cls):
                raise OSError("broken")
        self.assertEqual(self.run_class(Skip), (0, (0, 0, 2)))
        self.assertEqual(self.run_class(Error), (1, (0, 2, 0)))

    def test_classes_in_parallel(self):
        class Here(unittest.TestCase):
            def test_process(self):
                self.assertEqual(os.getpid(), parent)

        class There(Here):
            pass

        class Dies(unittest.TestCase):
            def test_exit(self):
                if os.getpid() != parent:
                    os._exit(3)
        parent = os.getpid()
        cases = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase,
                                       (Here, There)))
        out = io.StringIO()
        self.assertEqual(ktap.run_unittests(cases, stream=out), 0)
        self.assertEqual(ktap.run_unittests(cases, stream=out, jobs=2), 1)
        with self.assertRaises(BrokenProcessPool):
            ktap.run_unittests(Dies, stream=out, jobs=2)

    def test_no_case_fails(self):
        class Empty(unittest.TestCase):
            pass
        self.assertEqual(self.run_class(Empty)[0], 1)


class Cli(unittest.TestCase):
    def test_missing_file(self):
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            self.assertEqual(ktap.main(["/nonexistent/ktap"]), 2)
            self.assertIn("cannot read", sys.stderr.getvalue())
        finally:
            sys.stderr = stderr


if __name__ == "__main__":
    sys.exit(ktap.run_unittests())
