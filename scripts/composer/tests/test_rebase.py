# SPDX-License-Identifier: GPL-2.0
"""compose rebase: stops at a conflict, leaves it for repair, goes on."""

import unittest

from fixture import BASE, Case, git, make_base, write

CONFLICTING = {**BASE, "kernel/dma/pool.c": BASE["kernel/dma/pool.c"].replace(
    "int pool_32;", "int pool_32_of_upstream;").replace("int pool_40;\n", "")}


class Rebase(Case):
    """A base where hunk 2 of the first patch and the third patch do not fit."""

    base_files = {**CONFLICTING, "drivers/hv/hv.c": "int hv_other;\n"}

    def setUp(self):
        super().setUp()
        make_base(self.tmp / "next.git", self.base_files, "next")

    def fetch_next(self):
        """Bring the new base into the base repository as branch next."""
        git(self.base, "fetch", "-q", self.tmp / "next.git", "next:next")

    def mend_pool(self):
        """Resolve the conflict in pool.c as a person would."""
        text = self.base_files["kernel/dma/pool.c"]
        text = text.replace("int pool_04", "int counted;\nint pool_04")
        (self.out / "kernel/dma/pool.c").write_text(text.replace("int pool_33", "long pool_33"))
        (self.out / "kernel/dma/pool.c.rej").unlink(missing_ok=True)

    def mend_hv(self):
        """Resolve the conflict in hv.c."""
        (self.out / "drivers/hv/hv.c").write_text("int hv_other;\nint hv_run;\n")
        (self.out / "drivers/hv/hv.c.rej").unlink(missing_ok=True)

    def finish(self):
        """Mend everything, continue, save, and prove the saved series on the new base."""
        self.mend_pool()
        second = self.refused("rebase", "--continue")
        self.assertIn("0110-hv-run-a-script.patch does not apply: drivers/hv/hv.c", second)
        self.assertEqual(git(self.out, "log", "--format=%s", "-2"),
                         "mm: Offer counting\ndma: Count allocations")
        self.mend_hv()
        git(self.out, "add", "-A")
        tip = self.compose("rebase", "--continue")
        self.assertEqual(git(self.out, "rev-parse", "HEAD"), tip)
        names = self.patches()
        self.assertRegex(self.refused("tree"), "not saved|does not apply")
        self.compose("save")
        self.assertEqual(self.patches(), names)
        self.compose("check")
        new = git(self.base, "rev-parse", f"{tip}~3")
        again = self.compose("--base-rev", new, "commit")
        self.assertEqual(git(self.base, "rev-parse", again + "^{tree}"),
                         git(self.base, "rev-parse", tip + "^{tree}"))
        self.assertEqual(git(self.base, "log", "--format=%an %ae %s", f"{new}..{tip}"),
                         git(self.base, "log", "--format=%an %ae %s", f"{new}..{again}"))
        self.compose("--base-rev", new, "refresh", "--check")

    def test_conflict_names_patch_file_and_hunk(self):
        before = self.snapshot()
        self.fetch_next()
        error = self.refused("rebase", "--base-rev", "next")
        first = error.split("\n")[0]
        for part in ("0010-dma-count-allocations.patch", "kernel/dma/pool.c", "hunk #2",
                     "@@ -30,7 +31,7 @@"):
            self.assertIn(part, first)
        self.assertNotIn("hunk #1", error)
        for part in ("--continue", "--abort"):
            self.assertIn(part, error)
        self.assertEqual(self.snapshot(), before)

    def test_three_way_where_the_old_blobs_are(self):
        self.fetch_next()
        self.refused("rebase", "--base-rev", "next")
        text = (self.out / "kernel/dma/pool.c").read_text()
        self.assertIn("<<<<<<<", text)
        self.assertIn("int counted;", text)
        self.assertIn("count.o", (self.out / "kernel/dma/Makefile").read_text())
        self.assertTrue((self.out / "kernel/dma/count.c").exists())
        self.assertIn("conflict markers", self.refused("rebase", "--continue"))
        self.finish()

    def test_rejects_where_they_are_not(self):
        for name in self.patches():
            path = self.top / "patches" / name
            lines = path.read_text().split("\n")
            path.write_text("\n".join(l for l in lines if not l.startswith("index ")))
        self.refused("rebase", "--base-repo", self.tmp / "next.git", "--base-rev", "next")
        self.assertTrue((self.out / "kernel/dma/pool.c.rej").exists())
        self.assertIn("int counted;", (self.out / "kernel/dma/pool.c").read_text())
        self.assertIn(".rej is still there", self.refused("rebase", "--continue"))
        self.finish()

    def test_tree_and_save_wait(self):
        self.fetch_next()
        self.refused("rebase", "--base-rev", "next")
        for command in (["tree"], ["save"], ["rebase"]):
            self.assertIn("rebase is under way", self.refused(*command))

    def test_a_person_may_commit_the_repair(self):
        self.fetch_next()
        self.refused("rebase", "--base-rev", "next")
        self.mend_pool()
        git(self.out, "add", "-A")
        git(self.out, "commit", "-q", "-m", "dma: Count allocations\n\nMended.\n\nAssisted-by: LLM")
        self.assertIn("0110-hv", self.refused("rebase", "--continue"))
        self.mend_hv()
        self.compose("rebase", "--continue")
        self.compose("save")
        self.assertIn("Mended.", (self.top / "patches/0010-dma-count-allocations.patch").read_text())

    def test_a_patch_that_became_empty_is_dropped(self):
        self.fetch_next()
        self.refused("rebase", "--base-rev", "next")
        self.mend_pool()
        self.refused("rebase", "--continue")
        git(self.out, "reset", "-q", "--hard")
        (self.out / "drivers/hv/hv.c.rej").unlink(missing_ok=True)
        self.compose("rebase", "--continue")
        self.compose("save")
        self.assertEqual(len(self.patches()), 2)

    def test_untracked_files_are_asked_about(self):
        self.fetch_next()
        self.refused("rebase", "--base-rev", "next")
        self.mend_pool()
        write(self.out / "mm/stray.c", "x\n")
        self.assertIn("mm/stray.c", self.refused("rebase", "--continue"))

    def test_abort_without_a_tree_before(self):
        self.fetch_next()
        before = self.snapshot()
        self.refused("rebase", "--base-rev", "next")
        self.compose("rebase", "--abort")
        self.assertFalse(self.out.exists())
        self.assertEqual(self.snapshot(), before)
        self.compose("tree")
        self.assertEqual(self.compose("save"), "")

    def test_abort_gives_the_tree_back(self):
        self.fetch_next()
        tip = self.compose("tree")
        self.refused("rebase", "--base-rev", "next")
        self.compose("rebase", "--abort")
        self.assertEqual(git(self.out, "rev-parse", "HEAD"), tip)
        self.assertEqual(git(self.out, "status", "--porcelain"), "")
        self.assertEqual(self.compose("save"), "")

    def test_nothing_under_way(self):
        for option in ("--continue", "--abort"):
            self.assertIn("no rebase is under way", self.refused("rebase", option))
        self.assertIn("nosuch", self.refused("rebase", "--base-rev", "nosuch"))
        self.assertIn("not a git repository",
                      self.refused("rebase", "--base-repo", self.tmp))

    def test_moved_base_branch(self):
        self.compose("tree")
        self.fetch_next()
        git(self.base, "branch", "-f", "base", "next")
        self.assertIn("0010-dma", self.refused("commit"))
        self.refused("rebase")
        self.finish()


class EasyRebase(Case):
    """Bases where no hunk conflicts."""

    def test_applies_without_help(self):
        files = {**BASE, "kernel/dma/pool.c": BASE["kernel/dma/pool.c"].replace(
            "int pool_10;", "int pool_10;\nint ten;")}
        make_base(self.tmp / "next.git", files, "next")
        tip = self.compose("rebase", "--base-repo", self.tmp / "next.git", "--base-rev", "next")
        self.compose("save")
        self.assertIn("@@ -31,7 +32,7 @@",
                      (self.top / "patches/0010-dma-count-allocations.patch").read_text())
        self.assertEqual(git(self.base, "rev-parse", f"{tip}~3^{{tree}}"),
                         git(self.tmp / "next.git", "rev-parse", "next^{tree}"))

    def test_upstream_took_an_overlay_file(self):
        make_base(self.tmp / "next.git",
                  {**BASE, "kernel/dma/count.c": "/* upstream's */\n"}, "next")
        error = self.refused("rebase", "--base-repo", self.tmp / "next.git", "--base-rev", "next")
        self.assertIn("kernel/dma/count.c", error)
        self.assertIn("0010-dma-count-allocations.patch", error)
        self.compose("rebase", "--continue")
        self.compose("save")
        self.assertFalse((self.top / "kernel/dma/count.c").exists())
        self.assertIn("-/* upstream's */",
                      (self.top / "patches/0010-dma-count-allocations.patch").read_text())

    def test_upstream_removed_a_file(self):
        files = {k: v for k, v in BASE.items() if k != "mm/Kconfig"}
        make_base(self.tmp / "next.git", {**files, "mm/x.c": "x\n"}, "next")
        error = self.refused("rebase", "--base-repo", self.tmp / "next.git", "--base-rev", "next")
        self.assertIn("0020-mm-offer-counting.patch does not apply: mm/Kconfig", error)
        self.assertTrue((self.out / "mm/Kconfig.rej").exists())


if __name__ == "__main__":
    unittest.main()
