# SPDX-License-Identifier: GPL-2.0
"""References to patches, and what a section stands on: texts alone."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from composer import patchfile, series  # noqa: E402
from composer.errors import ComposeError  # noqa: E402
from composer.references import References  # noqa: E402

_SERIES = series.parse("""\
# section: fix   (fixes)
0110-a.patch
# section: pool
0210-b.patch
0215-c.patch
0220-d.patch
0230-e.patch
""")


class Wording(unittest.TestCase):
    """What {NNNN} becomes, and how the text is wrapped."""

    def setUp(self):
        patches = [patchfile.Patch(n, "x", f"area: Subject {n[5]}", "") for n in _SERIES.names()]
        self.known = References(_SERIES, patches)

    def said(self, text, section="pool", own=None):
        """The text in a mail."""
        return self.known.resolved(text, section, "cover/x.txt", own)

    def test_names(self):
        for text, wanted in (
                ("see {0215}.", "see patch 2."),
                ("see {0110}.", 'see "area: Subject a".'),
                ("({0210}, {0215}, {0220} to {0230})", "(patches 1, 2, 3 to 4)"),
                ("by {0210} and {0110}, too", 'by patch 1 and "area: Subject a", too'),
                ("by {0110}, {0210}, and {0215}", 'by "area: Subject a", patches 1, and 2'),
                ("{0215} and {0220} were. {0210} is.", "Patches 2 and 3 were. Patch 1 is."),
                (" - {0210}: hooks", " - Patch 1: hooks"),
                ("{02150} {215} ${x}", "{02150} {215} ${x}")):
            self.assertEqual(self.said(text), wanted)

    def test_the_patch_itself(self):
        self.assertEqual(self.said("With {0215} and {0220}.", own=215),
                         "With this patch and patch 3.")

    def test_only_what_changes_is_wrapped(self):
        text = "short\nlines\n\nof\n{0210}\ntext\n\n - an\n   item\n - by {0215},\n   two"
        self.assertEqual(self.said(text), "short\nlines\n\nof patch 1 text\n\n"
                                          " - an\n   item\n - by patch 2, two")

    def test_long_lines_are_wrapped_with_their_indentation(self):
        text = " - " + "word " * 12 + "{0110},\n   and more of it"
        lines = self.said(text).split("\n")
        self.assertEqual(len(lines), 2)
        self.assertTrue(all(len(l) <= 78 for l in lines), lines)
        self.assertTrue(lines[1].startswith("   S"), lines)
        self.assertIn(' "area:\n   Subject a", and more of it', "\n".join(lines))

    def test_a_number_stays_with_its_word(self):
        for width in range(50, 80):
            self.assertNotRegex(self.said("x" * width + " {0215} y"), r"patch\n")

    def test_a_list_of_terms(self):
        text = ("One: it is\n  in {0210}.\nTwo: other,\n  not touched.\nThree: {0215}\n"
                "  does it.")
        self.assertEqual(self.said(text), "One: it is in patch 1.\nTwo: other,\n"
                                          "  not touched.\nThree: patch 2 does it.")

    def test_tables_keep_their_lines(self):
        text = "    a   {0210}   1\n    b            2"
        self.assertEqual(self.said(text), text.replace("{0210}", "patch 1"))

    def test_unknown(self):
        with self.assertRaisesRegex(ComposeError, r"cover/x.txt: .0211. in line 2 .* no patch"):
            self.said("one\ntwo {0211}")
        self.assertEqual(self.known.unknown("{0210}\n{9999}"), [(2, "{9999}")])


class Needs(unittest.TestCase):
    """The option needs: of a section line."""

    def below(self, *lines):
        """{section: names of those it stands on}."""
        listed = series.parse("".join(f"# section: {l}\n" for l in lines))
        self.assertEqual(listed.format().decode(), "".join(f"# section: {l}\n" for l in lines))
        return {s.name: [b.name for b in listed.below(s)] for s in listed.sections}

    def test_below(self):
        self.assertEqual(self.below("a (fixes)", "b (fixes)", "c", "d (needs: base)",
                                    "e (cover: x, needs: c d)", "f (needs: d a)"),
                         {"a": [], "b": [], "c": ["a", "b"], "d": [],
                          "e": ["a", "b", "c", "d"], "f": ["a", "d"]})

    def test_faults(self):
        for line, said in (("b (needs: c)", "needs 'c', which is no section before"),
                           ("b (needs: b)", "needs 'b', which is no section before"),
                           ("b (needs: a base)", "'needs: base' means no other section"),
                           ("b (needs: a, fixes)", "stands on the base alone"),
                           ("b (needs: )", "is no option of a section"),
                           ("base", "choose another name")):
            with self.assertRaisesRegex(ComposeError, f"patches/series:2: .*{said}"):
                series.parse(f"# section: a\n# section: {line}\n")


if __name__ == "__main__":
    unittest.main()
