# SPDX-License-Identifier: GPL-2.0
"""compose commit: the commits, their determinism, and clear refusals."""

import shutil
import unittest

from fixture import BASE, OVERLAYS, POOL, Case, git


class Commit(Case):
    """The composed commits."""

    def test_commits_hold_patches_and_overlays(self):
        tip = self.compose("commit")
        self.assertEqual(git(self.base, "rev-list", "--count", f"base..{tip}"), "3")
        self.assertEqual(git(self.base, "rev-parse", f"{tip}~3"),
                         git(self.base, "rev-parse", "base"))
        pool = POOL.replace("int pool_04", "int counted;\nint pool_04") \
            .replace("int pool_33", "long pool_33")
        self.assertEqual(git(self.base, "show", f"{tip}:kernel/dma/pool.c"), pool[:-1])
        for path, text in OVERLAYS.items():
            self.assertEqual(git(self.base, "show", f"{tip}:{path}"), text[:-1])
        mode = git(self.base, "ls-tree", tip, "tools/hv/run.sh").split()[0]
        self.assertEqual(mode, "100755")
        self.assertEqual(git(self.base, "ls-tree", tip, "drivers/hv/old.c"), "")
        self.assertNotIn("tools/hv/run.sh", git(self.base, "ls-tree", "-r", f"{tip}~1"))

    def test_message_author_and_dates_are_the_projects(self):
        tip = self.compose("commit")
        text = git(self.base, "log", "-1", "--format=%an|%ae|%cn|%ce|%ad|%cd|%B", "--date=raw",
                   f"{tip}~2")
        self.assertEqual(
            text.rstrip("\n"),
            "cvm-io|cvm-io@localhost|cvm-io|cvm-io@localhost|1767225660 +0000|1767225660 +0000|"
            "dma: Count allocations\n\nNobody knows how many there are. Count them, naïvely.\n\n"
            "Assisted-by: LLM")

    def test_second_run_and_other_checkout_give_the_same_id(self):
        tip = self.compose("commit")
        self.forget()
        self.assertEqual(self.compose("commit"), tip)
        self.forget()
        shutil.copytree(self.top, self.tmp / "elsewhere")
        self.assertEqual(self.compose("commit", top=self.tmp / "elsewhere"), tip)

    def test_configuration_and_environment_do_not_matter(self):
        tip = self.compose("commit")
        self.forget()
        self.assertEqual(self.compose("commit", env=self.hostile()), tip)
        self.forget()
        git(self.base, "config", "core.autocrlf", "true")
        git(self.base, "config", "i18n.commitEncoding", "ISO-8859-1")
        git(self.base, "config", "apply.whitespace", "fix")
        self.assertEqual(self.compose("commit"), tip)

    def kept(self):
        """The one list of commits that was kept."""
        only, = (self.base / "cvm-io-composed").iterdir()
        return only

    def test_kept_commits_are_used(self):
        self.forget()
        tip = self.compose("commit")
        lines = self.kept().read_text().split()
        self.assertEqual(lines[-1], tip)
        self.kept().write_text("\n".join([lines[1], lines[0], lines[1]]))
        self.assertEqual(self.compose("commit"), lines[1])

    def test_kept_commits_are_of_the_same_content(self):
        seen = {self.compose("commit")}
        for path, old, new in (("kernel/dma/count.c", "count", "tally"),
                               ("patches/0020-mm-offer-counting.patch", "An option", "One option")):
            self.edit(self.top / path, old, new)
            seen.add(self.compose("commit"))
        (self.top / "kernel/dma/count.c").chmod(0o755)
        seen.add(self.compose("commit"))
        self.assertEqual(len(seen), 4)

    def test_kept_lists_that_are_broken_count_as_none(self):
        self.forget()
        tip = self.compose("commit")
        for text in ("", "x", f"{tip}\n", "\n".join(["0" * 40] * 3), "\udc80"):
            self.kept().write_text(text, errors="surrogateescape")
            self.assertEqual(self.compose("commit"), tip)
        self.forget()
        (self.base / "cvm-io-composed").write_text("in the way")
        self.assertEqual(self.compose("commit"), tip)

    def test_gc_keeps_the_commits(self):
        tip = self.compose("commit")
        git(self.base, "gc", "-q", "--prune=now")
        self.assertEqual(git(self.base, "cat-file", "-t", tip), "commit")

    def test_list_and_upto(self):
        rows = [l.split("\t") for l in self.compose("commit", "--list").split("\n")]
        tip = self.compose("commit")
        self.assertEqual([r[0] for r in rows], self.patches())
        self.assertEqual(rows[-1][1], tip)
        self.assertEqual(rows[2][2], "drivers/hv/hv.c drivers/hv/old.c tools/hv/run.sh")
        self.assertEqual(self.compose("commit", "--upto", "0020"), rows[1][1])
        self.assertIn("0030", self.refused("commit", "--upto", "0030"))

    def test_empty_series_is_the_base(self):
        (self.top / "patches/series").write_text("# section: shared-memory\n")
        self.assertEqual(self.compose("commit"), git(self.base, "rev-parse", "base"))

    def test_touched_overlay_changes_only_its_commit_and_later_ones(self):
        before = self.compose("commit", "--list").split("\n")
        self.edit(self.top / "tools/hv/run.sh", "echo run", "echo again")
        after = self.compose("commit", "--list").split("\n")
        self.assertEqual(before[:2], after[:2])
        self.assertNotEqual(before[2], after[2])


class Refusals(Case):
    """What commit does not take."""

    def test_context_must_match_exactly(self):
        path = self.top / "patches/0010-dma-count-allocations.patch"
        # The outermost line: even the smallest fuzz would let it pass.
        self.edit(path, " int pool_30;", " int pool_30_other;")
        error = self.refused("commit")
        first = error.split("\n")[0]
        for part in ("0010-dma-count-allocations.patch", "kernel/dma/pool.c", "hunk #2"):
            self.assertIn(part, first)
        self.assertNotIn("hunk #1", error)

    def test_wrong_line_count_is_named(self):
        path = self.top / "patches/0010-dma-count-allocations.patch"
        self.edit(path, "+int counted;\n", "+int counted;\n+int twice;\n")
        error = self.refused("commit")
        self.assertIn("0010-dma-count-allocations.patch", error)
        self.assertIn("pool.c", error)

    def test_file_claimed_twice(self):
        self.edit(self.top / "patches/0110-hv-run-a-script.patch",
                  "Overlay: tools", "Overlay: kernel/dma/count.c\nOverlay: tools")
        for command in ("commit", "check", "tree"):
            error = self.refused(command)
            for part in ("kernel/dma/count.c", "0010-dma-count-allocations.patch",
                         "0110-hv-run-a-script.patch"):
                self.assertIn(part, error)

    def test_claimed_file_missing(self):
        (self.top / "kernel/dma/count.c").unlink()
        self.assertIn("kernel/dma/count.c does not exist", self.refused("commit"))

    def test_overlay_that_the_base_has(self):
        self.edit(self.top / "patches/0110-hv-run-a-script.patch",
                  "Overlay: tools", "Overlay: kernel/dma/direct.c\nOverlay: tools")
        (self.top / "kernel/dma/direct.c").write_text(BASE["kernel/dma/direct.c"])
        error = self.refused("commit")
        self.assertIn("kernel/dma/direct.c", error)
        self.assertIn("0110-hv-run-a-script.patch", error)

    def test_no_base(self):
        self.assertIn("scripts/fetch", self.refused("commit", base=self.tmp / "none.git"))
        self.assertIn("nosuch", self.refused("--base-rev", "nosuch", "commit"))

    def test_places_may_follow_the_command(self):
        tip = self.compose("commit")
        self.assertEqual(self.compose("commit", "--base-rev", "base", "--root", self.top,
                                      "--base-repo", self.base, base="/nonexistent"), tip)

    def test_usage_is_exit_2(self):
        self.assertEqual(self.run_compose("nonsense").returncode, 2)
        self.assertEqual(self.run_compose().returncode, 2)

    def test_bad_patch_files(self):
        path = self.top / "patches/0020-mm-offer-counting.patch"
        good = path.read_text()
        for old, new, says in (
                ("Subject: ", "Title: ", "'From: ' or 'Subject: '"),
                ("Subject: mm: Offer counting\n", "", "no 'Subject:'"),
                ("---\n\ndiff", "\ndiff", "no '---' line"),
                ("---\n\ndiff", "---\nv2: better\n\ndiff", "only 'Overlay: path' lines"),
                ("b/mm/Kconfig\nindex", "b/mm/Kconfig2\nindex", "renames")):
            path.write_text(good.replace(old, new, 1))
            error = self.refused("commit")
            self.assertIn(says, error)
            self.assertIn("0020-mm-offer-counting.patch", error)


if __name__ == "__main__":
    unittest.main()
