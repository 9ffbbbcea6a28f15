# SPDX-License-Identifier: GPL-2.0
"""compose refresh: one normal form, found again whoever runs it."""

import unittest

from fixture import PATCHES, Case, git, write

P10 = "patches/0010-dma-count-allocations.patch"
P20 = "patches/0020-mm-offer-counting.patch"


class Refresh(Case):
    """The normal form."""

    def test_idempotent(self):
        before = self.snapshot()
        self.assertEqual(self.compose("refresh"), "")
        self.assertEqual(self.compose("refresh", "--check"), "")
        self.assertEqual(self.snapshot(), before)

    def test_configuration_does_not_matter(self):
        self.assertEqual(self.compose("refresh", "--check", env=self.hostile()), "")
        for key, value in (("diff.noprefix", "true"), ("diff.context", "9"),
                           ("core.abbrev", "40"), ("diff.algorithm", "patience")):
            git(self.base, "config", key, value)
        write(self.base / "info/attributes", "* binary\n")
        self.assertEqual(self.compose("refresh", "--check"), "")

    def test_check_is_red_after_a_hand_edit(self):
        for path, old, new in (
                (P20, "An option is due.", "An option is due.   "),
                (P20, "@@ -3,3 +3,6 @@", "@@ -2,3 +2,6 @@"),
                (P20, "From: cvm-io <cvm-io@localhost>\nSubject: mm: Offer counting\n",
                 "Subject: mm: Offer counting\nFrom: cvm-io <cvm-io@localhost>\n"),
                (P10, "Overlay: include/linux/count.h\nOverlay: kernel/dma/count.c\n",
                 "Overlay: kernel/dma/count.c\nOverlay: include/linux/count.h\n")):
            before = self.snapshot()
            self.edit(self.top / path, old, new)
            edited = self.snapshot()
            done = self.run_compose("refresh", "--check")
            self.assertEqual((done.returncode, done.stdout), (1, path + "\n"), (old, done.stderr))
            self.assertEqual(self.snapshot(), edited)
            self.assertEqual(self.compose("refresh"), path)
            self.assertEqual(self.snapshot(), before)

    def test_hand_written_patches_get_the_normal_form(self):
        before, tip = self.snapshot(), self.compose("commit")
        for name, text in PATCHES.items():
            write(self.top / "patches" / name, text)
        self.assertEqual(self.compose("refresh").count("\n"), 2)
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(self.compose("commit"), tip)

    def test_new_file_in_a_patch_is_not_dropped_silently(self):
        with open(self.top / P20, "a", encoding="utf-8") as handle:
            handle.write("diff --git a/mm/new.c b/mm/new.c\nnew file mode 100644\n"
                         "--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+x\n")
        before = self.snapshot()
        error = self.refused("refresh")
        self.assertIn("mm/new.c", error)
        self.assertIn("0020-mm-offer-counting.patch", error)
        self.assertEqual(self.snapshot(), before)

    def test_bytes_that_are_not_utf8_survive(self):
        self.compose("tree")
        (self.out / "mm/Kconfig").write_bytes(
            (self.out / "mm/Kconfig").read_bytes() + b"# caf\xe9\n")
        git(self.out, "commit", "-q", "-a", "-m", "mm: Latin\n\nAssisted-by: LLM")
        self.compose("save")
        self.compose("refresh", "--check")
        self.assertEqual(git(self.base, "rev-parse", self.compose("commit") + "^{tree}"),
                         git(self.out, "rev-parse", "HEAD^{tree}"))
        self.compose("mails")
        self.compose("am-check")

    def test_file_without_final_newline_survives(self):
        self.compose("tree")
        (self.out / "mm/Kconfig").write_text("config MM")
        write(self.out / "mm/x.c", "int x;")
        git(self.out, "add", "-A")
        git(self.out, "commit", "-q", "-m", "mm: No newline\n\nAssisted-by: LLM")
        self.compose("save")
        self.compose("refresh", "--check")
        self.compose("mails")
        self.compose("am-check")


if __name__ == "__main__":
    unittest.main()
