# SPDX-License-Identifier: GPL-2.0
"""compose tree and save: the round trip, and work that is never lost."""

import os
import signal
import subprocess
import sys
import time
import unittest

from fixture import COMPOSE, Case, git, quiet_env, write


class RoundTrip(Case):
    """What tree unpacks, save packs."""

    def setUp(self):
        super().setUp()
        self.before = self.snapshot()
        self.tip = self.compose("tree")

    def names(self):
        """Patch names as the series lists them."""
        text = (self.top / "patches/series").read_text()
        return [l for l in text.split("\n") if l.endswith(".patch")]

    def test_tree_is_the_composed_series(self):
        self.assertEqual(self.tip, self.compose("commit"))
        self.assertEqual(git(self.out, "symbolic-ref", "HEAD"), "refs/heads/series")
        self.assertEqual(git(self.out, "rev-parse", "HEAD"), self.tip)
        self.assertEqual(git(self.out, "status", "--porcelain"), "")
        self.assertTrue(os.access(self.out / "tools/hv/run.sh", os.X_OK))

    def test_save_changes_nothing(self):
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), self.before)

    def test_save_changes_nothing_with_hostile_configuration(self):
        self.assertEqual(self.compose("save", env=self.hostile()), "")
        self.assertEqual(self.snapshot(), self.before)

    def test_rewritten_commits_save_to_the_same_bytes(self):
        env = quiet_env(GIT_SEQUENCE_EDITOR="sed -i s/^pick/reword/")
        git(self.out, "rebase", "-q", "-i", "--force-rebase", "HEAD~3", env=env)
        self.assertNotEqual(git(self.out, "rev-parse", "HEAD"), self.tip)
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), self.before)

    def test_removed_overlays_and_patches_come_back(self):
        for path in ("kernel/dma/count.c", "patches/0020-mm-offer-counting.patch"):
            (self.top / path).unlink()
        (self.top / "patches/series").write_text(
            "# section: shared-memory\n# section: hyper-v\n")
        self.compose("save", "--force")
        after = self.snapshot()
        del after["patches/series"], self.before["patches/series"]
        self.assertEqual(after, self.before)
        self.assertEqual(self.names(), self.patches())

    def test_new_commit_at_the_end(self):
        self.commit_in_tree("Drivers: hv: Add a Ring\n\nWhy.\n\nAssisted-by: LLM",
                            drivers__hv__ring_DOT_c="int ring;\n",
                            drivers__hv__hv_DOT_c="int hv_init;\nint hv_run;\nint hv_exit;\nint e;\n")
        changed = self.compose("save").split("\n")
        self.assertEqual(changed, ["drivers/hv/ring.c",
                                   "patches/0120-drivers-hv-add-a-ring.patch", "patches/series"])
        text = (self.top / "patches/0120-drivers-hv-add-a-ring.patch").read_text()
        self.assertTrue(text.startswith(
            "From: cvm-io <cvm-io@localhost>\nSubject: Drivers: hv: Add a Ring\n\nWhy.\n\n"
            "Assisted-by: LLM\n---\nOverlay: drivers/hv/ring.c\n\ndiff --git a/drivers/hv/hv.c"))
        self.assertEqual(self.names()[-1], "0120-drivers-hv-add-a-ring.patch")
        self.compose("check")
        self.compose("refresh", "--check")
        self.assertEqual(git(self.base, "rev-parse", self.compose("commit") + "^{tree}"),
                         git(self.out, "rev-parse", "HEAD^{tree}"))

    def test_new_commit_in_the_middle_and_reordered(self):
        write(self.out / "mm/between.c", "int between;\n")
        git(self.out, "add", "-A")
        git(self.out, "commit", "-q", "-m", "mm: Between\n\nAssisted-by: LLM")
        write(self.tmp / "order.sh", "for n in 1 4 2 3; do sed -n ${n}p $1; done >$1.new\n"
                                     "mv $1.new $1\n")
        env = quiet_env(GIT_SEQUENCE_EDITOR=f"sh {self.tmp}/order.sh")
        git(self.out, "rebase", "-q", "-i", "HEAD~4", env=env)
        self.compose("save")
        self.assertEqual(self.names(), [
            "0010-dma-count-allocations.patch", "0015-mm-between.patch",
            "0020-mm-offer-counting.patch", "0110-hv-run-a-script.patch"])
        self.compose("check")
        self.assertIn("# above the option\n0020-mm",
                      (self.top / "patches/series").read_text())

    def test_amended_commit_keeps_its_name(self):
        git(self.out, "commit", "-q", "--amend", "-m",
            "Drivers: hv: Entirely new words\n\nAssisted-by: LLM")
        self.compose("save")
        self.assertEqual(self.names()[-1], "0110-hv-run-a-script.patch")
        self.assertIn("Subject: Drivers: hv: Entirely new words",
                      (self.top / "patches/0110-hv-run-a-script.patch").read_text())

    def test_name_by_subject_without_notes(self):
        git(self.base, "update-ref", "-d", "refs/notes/composer")
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), self.before)

    def test_name_by_note(self):
        self.commit_in_tree("iommu: X\n\nAssisted-by: LLM", mm__x_DOT_c="int x;\n")
        git(self.out, "notes", "--ref=composer", "append", "-m", "name: 0115-chosen.patch", "HEAD")
        self.compose("save")
        self.assertEqual(self.names()[-1], "0115-chosen.patch")
        git(self.out, "notes", "--ref=composer", "append", "-m", "name: 0105-chosen.patch", "HEAD")
        self.assertIn("out of order", self.refused("save"))

    def test_swapped_patches_are_renumbered(self):
        env = quiet_env(GIT_SEQUENCE_EDITOR="sed -i -n '2{h;d};3{p;x;p;d};p'")
        git(self.out, "rebase", "-q", "-i", "HEAD~3", env=env)
        self.compose("save")
        self.compose("check")
        self.assertEqual(self.names(), [
            "0010-dma-count-allocations.patch", "0110-hv-run-a-script.patch",
            "0120-mm-offer-counting.patch"])
        self.assertEqual(self.names(), self.patches())

    def test_dropped_commit_removes_patch_and_overlay(self):
        git(self.out, "reset", "-q", "--hard", "HEAD~1")
        self.compose("save")
        self.assertEqual(self.names(), self.patches())
        self.assertEqual(len(self.names()), 2)
        self.assertFalse((self.top / "tools").exists())
        self.assertIn("# section: hyper-v", (self.top / "patches/series").read_text())
        self.compose("check")

    def test_executable_bit_is_saved(self):
        (self.out / "kernel/dma/count.c").chmod(0o755)
        git(self.out, "commit", "-q", "-a", "--fixup=HEAD~2")
        git(self.out, "rebase", "-q", "-i", "--autosquash", "HEAD~4",
            env=quiet_env(GIT_SEQUENCE_EDITOR="true"))
        self.compose("save")
        self.assertTrue(os.access(self.top / "kernel/dma/count.c", os.X_OK))
        (self.top / "kernel/dma/count.c").chmod(0o644)
        tip = self.compose("commit")
        self.assertTrue(git(self.base, "ls-tree", tip, "kernel/dma/count.c").startswith("100644"))

    def test_tree_follows_patches(self):
        self.edit(self.top / "kernel/dma/count.c", "int count", "long count")
        tip = self.compose("tree")
        self.assertEqual(git(self.out, "rev-parse", "HEAD"), tip)
        self.assertIn("long count", (self.out / "kernel/dma/count.c").read_text())

    def test_interrupted_checkout_is_taken_up_again(self):
        subprocess.run(["rm", "-r", self.out], check=True)
        (self.tmp / "bin").mkdir()
        # A checkout that takes long and, like git's own, cleans up when asked to end.
        write(self.tmp / "bin/git", "#!/bin/sh\ncase \"$*\" in *reset*--hard*)\n"
              f"trap 'touch {self.tmp}/cleaned; exit 1' TERM; touch {self.tmp}/begun; "
              "sleep 20 & wait;;\n*) PATH=${PATH#*:} exec git \"$@\";;\nesac\n", 0o755)
        process = subprocess.Popen(
            [sys.executable, COMPOSE, "--root", self.top, "--base-repo", self.base, "tree"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=quiet_env(PATH=f"{self.tmp}/bin:{os.environ['PATH']}"))
        while not (self.tmp / "begun").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 130)
        self.assertTrue((self.tmp / "cleaned").exists())
        self.assertEqual(self.compose("tree"), self.tip)
        self.assertEqual(git(self.out, "status", "--porcelain"), "")
        self.assertEqual(self.compose("save"), "")

    def test_two_checkouts_share_a_base(self):
        subprocess.run(["cp", "-r", self.top, self.tmp / "other"], check=True)
        subprocess.run(["rm", "-r", self.tmp / "other/out"], check=True)
        self.compose("tree", top=self.tmp / "other")
        branch = git(self.tmp / "other/out/linux", "symbolic-ref", "--short", "HEAD")
        self.assertTrue(branch.startswith("series-"), branch)
        self.assertEqual(git(self.out, "symbolic-ref", "--short", "HEAD"), "series")

    def test_rebuilt_after_the_folder_was_removed(self):
        subprocess.run(["rm", "-r", self.out], check=True)
        self.assertEqual(self.compose("tree"), self.tip)
        self.assertEqual(git(self.out, "status", "--porcelain"), "")


class NothingIsLost(Case):
    """Unsaved work stops tree and save."""

    def setUp(self):
        super().setUp()
        self.compose("tree")
        self.before = self.snapshot()

    def refused_unchanged(self, *command):
        """The command is refused; checkout and tree stay as they are."""
        before = self.snapshot(), git(self.out, "rev-parse", "HEAD")
        error = self.refused(*command)
        self.assertEqual((self.snapshot(), git(self.out, "rev-parse", "HEAD")), before)
        return error

    def test_uncommitted_change(self):
        for path in ("mm/Kconfig", "mm/untracked.c"):
            with open(self.out / path, "a", encoding="utf-8") as handle:
                handle.write("config X\n")
            for command in ("save", "tree", "rebase"):
                error = self.refused_unchanged(command)
                self.assertIn("uncommitted", error)
                self.assertIn(path, error)
            git(self.out, "add", "-A")
            self.assertIn("uncommitted", self.refused_unchanged("tree"))
            git(self.out, "reset", "-q", "--hard")

    def test_unsaved_commit(self):
        lost = self.commit_in_tree("mm: X\n\nAssisted-by: LLM", mm__x_DOT_c="int x;\n")
        self.assertIn("compose save", self.refused_unchanged("tree"))
        self.assertIn("compose save", self.refused_unchanged("rebase"))
        self.compose("tree", "--discard")
        self.assertNotEqual(git(self.out, "rev-parse", "HEAD"), lost)
        git(self.out, "reflog", "expire", "--expire=now", "--all")
        git(self.base, "gc", "-q", "--prune=now")
        self.assertEqual(git(self.base, "cat-file", "-t", lost), "commit")

    def test_dropped_commit_is_unsaved_too(self):
        git(self.out, "reset", "-q", "--hard", "HEAD~1")
        self.assertIn("not saved", self.refused_unchanged("tree"))

    def test_patches_changed_since(self):
        self.commit_in_tree("mm: X\n\nAssisted-by: LLM", mm__x_DOT_c="int x;\n")
        self.edit(self.top / "kernel/dma/count.c", "int count", "long count")
        self.assertIn("--force", self.refused_unchanged("save"))
        self.compose("save", "--force")
        self.assertIn("int count", (self.top / "kernel/dma/count.c").read_text())

    def test_refresh_keeps_the_tree_saved(self):
        with open(self.top / "patches/0020-mm-offer-counting.patch", "a", encoding="utf-8") as f:
            f.write("\n")
        self.compose("tree")
        self.edit(self.top / "patches/0020-mm-offer-counting.patch", "An option is due.",
                  "An option is due.  ")
        self.compose("tree")
        self.compose("refresh")
        self.assertEqual(self.compose("save"), "")

    def test_git_operation_under_way(self):
        git(self.out, "rebase", "-q", "-i", "HEAD~2",
            env=quiet_env(GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/"))
        for command in ("save", "tree"):
            self.assertIn("rebase is under way", self.refused_unchanged(command))

    def test_something_else_at_its_place(self):
        subprocess.run(["mv", self.out, self.tmp / "away"], check=True)
        write(self.out / "precious.txt", "x\n")
        self.assertIn("move it away", self.refused("tree"))
        self.assertTrue((self.out / "precious.txt").exists())

    def test_no_tree(self):
        subprocess.run(["rm", "-r", self.out], check=True)
        self.assertIn("compose tree", self.refused("save"))

    def test_existing_unclaimed_file_is_not_overwritten(self):
        self.commit_in_tree("mm: X\n\nAssisted-by: LLM", mm__x_DOT_c="int x;\n")
        write(self.top / "mm/x.c", "int mine;\n")
        self.assertIn("mm/x.c", self.refused_unchanged("save"))

    def test_second_command_waits_for_nobody(self):
        import fcntl
        with open(self.top / "out/.compose-linux.lock", "w", encoding="ascii") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.assertIn("another compose command", self.refused("save"))

    def test_interrupted_save_leaves_old_or_new(self):
        self.commit_in_tree("mm: X\n\nAssisted-by: LLM", mm__x_DOT_c="int x;\n",
                            kernel__dma__y_DOT_c="int y;\n")
        old, seen, delay = self.snapshot(), set(), 0.02
        new = None
        while new is None:
            process = subprocess.Popen(
                [sys.executable, COMPOSE, "--root", self.top, "--base-repo", self.base, "save"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet_env())
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            code = process.wait()
            now = self.snapshot()
            if now != old:
                new = now
            else:
                seen.add(code)
            delay = delay * 1.5
        self.assertIn("mm/x.c", new)
        self.compose("tree", "--discard")
        self.assertEqual(self.snapshot(), new)
        self.compose("check")
        self.assertTrue(seen, "no run was interrupted before it wrote")
        self.assertEqual([p for p in os.listdir(self.top / "out") if p.startswith(".compose-")
                          and not p.endswith(".lock")], [])


class CannotRepresent(Case):
    """Commits that patches and overlay files cannot hold."""

    def setUp(self):
        super().setUp()
        self.compose("tree")
        self.before = self.snapshot()

    def refused_for(self, *parts):
        """save is refused, naming the parts, and writes nothing."""
        error = self.refused("save")
        for part in parts:
            self.assertIn(part, error)
        self.assertEqual(self.snapshot(), self.before)

    def test_removal_of_an_upstream_file_is_a_diff(self):
        git(self.out, "rm", "-q", "kernel/dma/direct.c")
        git(self.out, "commit", "-q", "-m", "dma: Remove\n\nAssisted-by: LLM")
        self.compose("save")
        self.assertIn("deleted file mode",
                      (self.top / "patches/0120-dma-remove.patch").read_text())
        self.compose("check")

    def test_kinds_of_files(self):
        start = git(self.out, "rev-parse", "HEAD")
        for path, make, says in (
                ("scripts/new.sh", lambda p: write(p, "x\n"), "repository's own"),
                ("toplevel.c", lambda p: write(p, "x\n"), "top-level directory"),
                ("mm/link.c", lambda p: p.symlink_to("Kconfig"), "not a regular file"),
                ("mm/bin.c", lambda p: p.write_bytes(b"\0\1"), "binary"),
                ("mm/a b.c", lambda p: write(p, "x\n"), "quote"),
                ("mm/x.ignored", lambda p: write(p, "x\n"), "ignored"),
                ("mm/Kconfig", lambda p: p.chmod(0o755), "mode")):
            make(self.out / path)
            git(self.out, "add", "-A", "-f")
            git(self.out, "commit", "-q", "-m", "mm: Odd\n\nAssisted-by: LLM")
            self.refused_for(path, says)
            git(self.out, "reset", "-q", "--hard", start)

    def test_edit_of_an_upstream_file_in_scripts_is_a_diff(self):
        self.commit_in_tree("scripts: X\n\nAssisted-by: LLM",
                            scripts__tool_DOT_sh="#!/bin/sh\necho changed\n")
        self.compose("save")
        self.assertFalse((self.top / "scripts/tool.sh").exists())

    def test_messages(self):
        start = git(self.out, "rev-parse", "HEAD")
        for message, says in (
                ("mm: X\n\nSigned-off-by: A <a@b.c>", "Signed-off-by"),
                ("mm: X\n\nOverlay: mm/x.c", "Overlay:"),
                ("mm: X\nand more\n\nText", "several lines"),
                ("fixup! mm: X", "fixup"),
                ("mm: X\n\na\n---\nb", "git am would end it"),
                ("[mm] X\n\nText", "bracket")):
            self.commit_in_tree(message, mm__x_DOT_c="int x;\n")
            self.refused_for(says)
            git(self.out, "reset", "-q", "--hard", start)

    def test_merge_and_empty(self):
        start = git(self.out, "rev-parse", "HEAD")
        git(self.out, "commit", "-q", "--allow-empty", "-m", "mm: Nothing")
        self.refused_for("changes nothing", "mm: Nothing")
        git(self.out, "reset", "-q", "--hard", start)
        git(self.out, "checkout", "-q", "-b", "side", "HEAD~1")
        self.commit_in_tree("mm: Side", mm__side_DOT_c="x\n")
        git(self.out, "checkout", "-q", "series")
        git(self.out, "merge", "-q", "--no-edit", "side")
        self.refused_for("merge")

    def test_no_free_number(self):
        for number in range(3):
            self.commit_in_tree(f"mm: N{number}\n\nAssisted-by: LLM",
                                **{f"mm__n{number}_DOT_c": "x\n"})
        git(self.out, "notes", "--ref=composer", "append", "-m", "name: 0111-a.patch", "HEAD~2")
        git(self.out, "notes", "--ref=composer", "append", "-m", "name: 0112-b.patch", "HEAD")
        self.refused_for("no free number")


if __name__ == "__main__":
    unittest.main()
