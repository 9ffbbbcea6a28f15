# SPDX-License-Identifier: GPL-2.0
"""The parts that need no repository: formats, numbering, writing."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from composer import config, diffs, numbering, patchfile, series, writing  # noqa: E402
from composer.errors import ComposeError  # noqa: E402

from fixture import PATCHES, SERIES  # noqa: E402


class Formats(unittest.TestCase):
    """Reading and printing are inverse."""

    def test_patch(self):
        for name, text in PATCHES.items():
            first = patchfile.parse(name, text.encode())
            first.overlays.sort()
            self.assertEqual(patchfile.parse(name, first.format()), first)

    def test_series_keeps_comments(self):
        self.assertEqual(series.parse(SERIES).format().decode(), SERIES)

    def test_diff_is_cut_without_loss(self):
        text = patchfile.parse("x", PATCHES["0110-hv-run-a-script.patch"].encode()).diff
        parts = diffs.parse(text, "x")
        self.assertEqual("".join(p.text for p in parts), text)
        self.assertEqual([p.is_deleted for p in parts], [False, True])

    def test_removed_line_that_looks_like_a_header(self):
        text = ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@\n a\n--- a/y\n b\n"
                "diff --git a/z b/z\n--- a/z\n+++ b/z\n@@ -1 +1 @@\n-a\n+diff --git a/q b/q\n")
        self.assertEqual([p.path for p in diffs.parse(text, "x")], ["x", "z"])


class Sections(unittest.TestCase):
    """The options of a section line."""

    def test_options(self):
        text = ("# section: one   (cover: cover/other.txt, prefix: net, fixes)\n"
                "0010-a.patch\n# section: two\n")
        one, two = series.parse(text).sections
        self.assertEqual((one.cover, one.prefix, one.fixes), ("cover/other.txt", "net", True))
        self.assertEqual((two.cover, two.prefix, two.fixes), ("cover/two.txt", "", False))
        self.assertEqual(series.parse(text).format().decode(), text)

    def test_unknown_option(self):
        with self.assertRaisesRegex(ComposeError, ":1: 'colour: red' is no option"):
            series.parse("# section: one   (colour: red)\n")


class Numbering(unittest.TestCase):
    """Names for commits."""

    def numbers(self, wanted, first=0):
        """assign() with made-up subjects, reduced to numbers."""
        wanted = [f"{w:04d}-x.patch" if w is not None else None for w in wanted]
        names = numbering.assign(wanted, [f"mm: S{i}" for i in range(len(wanted))], first)
        return [int(n[:4]) for n in names]

    def test_places(self):
        for wanted, expected in (
                ([None, None], [10, 20]),
                ([10, None], [10, 20]),
                ([15, None, None], [15, 20, 30]),
                ([10, None, 20], [10, 15, 20]),
                ([None, 10], [5, 10]),
                ([10, None, 110], [10, 20, 110]),
                ([90, None, None, 110], [90, 92, 94, 110]),
                ([80, None, None], [80, 85, 90]),
                ([20, 10], [20, 30]),
                ([10, 30, 20, 40], [10, 30, 35, 40]),
                ([10, 110, 20], [10, 110, 120])):
            self.assertEqual(self.numbers(wanted), expected, wanted)
        self.assertEqual(self.numbers([None], 2), [210])

    def test_no_room(self):
        with self.assertRaises(ComposeError):
            self.numbers([10, None, 11])

    def test_slug(self):
        self.assertEqual(numbering.slug("x86/mm: Add a Thing"), "x86-mm-add-a-thing")
        self.assertLessEqual(len(numbering.slug("dma: " + "word " * 30)), 40)


class Writing(unittest.TestCase):
    """Files change together or not at all."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = Path(holder.name).resolve()
        self.project = config.project("linux", self.top, self.top / "b")
        (self.top / "a").write_text("old")

    def test_failure_before_the_end_changes_nothing(self):
        (self.top / "file").write_text("in the way")
        with self.assertRaises(OSError):
            writing.apply(self.project, {self.top / "a": (b"new", "100644"),
                                         self.top / "file/b": (b"new", "100644")})
        self.assertEqual((self.top / "a").read_text(), "old")
        self.assertEqual(list(self.top.glob("out/.compose-*")), [])

    def test_unchanged_files_keep_their_time(self):
        before = (self.top / "a").stat().st_mtime_ns
        self.assertEqual(writing.apply(self.project, {self.top / "a": (b"old", "100644")}), [])
        self.assertEqual((self.top / "a").stat().st_mtime_ns, before)

    def test_empty_folders_go(self):
        (self.top / "d/e").mkdir(parents=True)
        (self.top / "d/e/f").write_text("x")
        writing.apply(self.project, {}, [self.top / "d/e/f"])
        self.assertFalse((self.top / "d").exists())


if __name__ == "__main__":
    unittest.main()
