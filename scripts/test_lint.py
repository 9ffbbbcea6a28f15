#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lint's cache, as KTAP."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import ktap                                             # noqa: E402
import lint_cache                                       # noqa: E402

class Cache(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.where = Path(holder.name) / "lint"
        self.cache = lint_cache.Cache("kind", self.where)

    def test_keeps_failures_as_they_are(self):
        report = {"ok": False, "found": "WARNING: x"}
        self.assertEqual(self.cache.through("k", lambda: report), report)
        self.assertEqual(self.cache.through("k", lambda: self.fail("asked again")), report)

    def test_a_result_that_is_empty_is_a_result(self):
        self.cache.put("k", [])
        self.assertEqual(self.cache.through("k", lambda: self.fail("asked again")), [])

    def test_a_broken_entry_is_none(self):
        self.cache.put("k", 1)
        (self.where / "kind-k").write_text('{"ok": tr')
        self.assertIsNone(self.cache.get("k"))

    def test_where_nothing_can_be_written(self):
        cache = lint_cache.Cache("kind", "/proc/nowhere")
        self.assertEqual(cache.through("k", lambda: 7), 7)
        self.assertIsNone(cache.get("k"))

    def test_keys(self):
        keys = {lint_cache.key("a", "bc"), lint_cache.key("ab", "c"), lint_cache.key("abc"),
                lint_cache.key(["a", "bc"]), lint_cache.key("a", b"bd")}
        self.assertEqual(len(keys), 5)
        self.assertEqual(lint_cache.key("a", b"b"), lint_cache.key("a", "b"))

    def test_prune_takes_the_oldest(self):
        for number in range(5):
            self.cache.put(str(number), number)
            os.utime(self.where / f"kind-{number}", (number, number))
        self.cache.get("0")
        lint_cache.prune(self.where, entries=3)
        self.assertEqual(sorted(p.name[-1] for p in self.where.iterdir()), ["0", "3", "4"])
        lint_cache.prune(self.where, size=1)
        self.assertEqual(len(list(self.where.iterdir())), 1)


if __name__ == "__main__":
    sys.exit(ktap.run_unittests())
