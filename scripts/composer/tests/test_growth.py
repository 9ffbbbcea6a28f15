# SPDX-License-Identifier: GPL-2.0
"""Added files that grow over several patches: there, back, and every clear refusal."""

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from composer import compose, config  # noqa: E402
from composer.git import ObjectStore  # noqa: E402
from composer.series import load, load_patches  # noqa: E402

from fixture import BASE, COMPOSE, Case, git, make_base, quiet_env, write  # noqa: E402

COUNT = "kernel/dma/count.c"
HEADER = "include/linux/count.h"
RUN = "tools/hv/run.sh"
P10 = "patches/0010-dma-count-allocations.patch"
P20 = "patches/0020-mm-offer-counting.patch"
P110 = "patches/0110-hv-run-a-script.patch"
P120 = "patches/0120-hv-use-the-script.patch"

FIRST = "/* counts */\n" + "".join(f"int count_{i:02d};\n" for i in range(1, 31))
SECOND = FIRST.replace("int count_05;\n", "int count_05;\nint mm_counts;\n")
THIRD = SECOND.replace("int count_20;", "long count_20;") + "int last;\n"
FINAL = THIRD.replace("int mm_counts;", "long mm_counts;")


def diff(path, old, new, head=""):
    """A hand-written diff of one file."""
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True),
                                 f"a/{path}" if old else "/dev/null",
                                 f"b/{path}" if new else "/dev/null")
    return f"diff --git a/{path} b/{path}\n{head}" + "".join(lines)


def append(path, text):
    """Add text to a file."""
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(text)


class Grown(Case):
    """count.c is in patches 10, 20, 110 and 120, count.h in 10 and 120.

    run.sh is in 110, and becomes executable in 120.
    """

    _grown = None

    @classmethod
    def template(cls):
        """Made once per run, from hand-written diffs."""
        if Grown._grown is None:
            Grown._grown_holder = tempfile.TemporaryDirectory(prefix="compose-test-")
            where = Path(Grown._grown_holder.name)
            shutil.copytree(super().template(), where, symlinks=True, dirs_exist_ok=True)
            cls._grow(where / "top")
            done = subprocess.run(
                [sys.executable, COMPOSE, "--root", where / "top", "--base-repo",
                 where / "base.git", "refresh"], capture_output=True, text=True, check=False)
            if done.returncode:
                raise AssertionError(f"the fixture does not compose: {done.stderr}")
            git(where / "top", "add", "-A")
            git(where / "top", "commit", "-q", "-m", "files that grow")
            Grown._grown = where
        return Grown._grown

    @staticmethod
    def _grow(top):
        write(top / COUNT, FINAL)
        write(top / HEADER, "extern int count;\nextern int last;\n")
        write(top / RUN, "#!/bin/sh\necho run\n", 0o755)
        append(top / P20, diff(COUNT, FIRST, SECOND))
        append(top / P110, diff(COUNT, SECOND, THIRD))
        write(top / P120,
              "From: cvm-io <cvm-io@localhost>\nSubject: Drivers: hv: Use the script\n\n"
              "It runs.\n\nAssisted-by: LLM\n---\n\n" + diff(COUNT, THIRD, FINAL) +
              diff(HEADER, "extern int count;\n", "extern int count;\nextern int last;\n") +
              diff(RUN, "#!/bin/sh\n", "#!/bin/sh\necho run\n",
                   "old mode 100644\nnew mode 100755\n"))
        append(top / "patches/series", P120.split("/")[1] + "\n")

    def at(self, commit, path=COUNT):
        """The content of a file at a commit, None where there is none."""
        text = git(self.base, "show", f"{commit}:{path}", check=False)
        return text + "\n" if text else None

    def rebase_tree(self, count, order):
        """Put the last commits of the editing tree into another order."""
        write(self.tmp / "order.sh", f"for n in {order}; do sed -n ${{n}}p $1; done >$1.new\n"
                                     "mv $1.new $1\n")
        git(self.out, "rebase", "-q", "-i", f"HEAD~{count}",
            env=quiet_env(GIT_SEQUENCE_EDITOR=f"sh {self.tmp}/order.sh"))

    def saved(self):
        """Save; prove that what was saved is the tree, in normal form; return the commits."""
        trees = git(self.out, "log", "--reverse", "--format=%T", "base..HEAD").split("\n")
        self.compose("save")
        self.compose("check")
        self.compose("refresh", "--check")
        commits = [l.split("\t")[1] for l in self.compose("commit", "--list").split("\n")]
        self.assertEqual([git(self.base, "rev-parse", c + "^{tree}") for c in commits], trees)
        return commits


class Compose(Grown):
    """From the checkout to commits, mails and lists."""

    def test_each_commit_holds_its_version(self):
        rows = [l.split("\t") for l in self.compose("commit", "--list").split("\n")]
        self.assertEqual([self.at(r[1]) for r in rows], [FIRST, SECOND, THIRD, FINAL])
        self.assertEqual([COUNT in r[2].split() for r in rows], [True] * 4)
        self.assertEqual([self.at(r[1], RUN) for r in rows],
                         [None, None, "#!/bin/sh\n", "#!/bin/sh\necho run\n"])
        self.assertEqual([self.at(r[1], HEADER) for r in rows],
                         ["extern int count;\n"] * 3 + ["extern int count;\nextern int last;\n"])
        modes = [git(self.base, "ls-tree", r[1], RUN)[:6] for r in rows]
        self.assertEqual(modes, ["", "", "100644", "100755"])
        self.assertEqual(self.compose("commit", "--upto", "0020"), rows[1][1])

    def test_same_ids_whoever_runs_it(self):
        tip = self.compose("commit")
        self.assertEqual(self.compose("commit", env=self.hostile()), tip)
        self.compose("refresh", "--check", env=self.hostile())

    def test_check_and_normal_form(self):
        before = self.snapshot()
        self.assertEqual(self.compose("check"), "")
        self.assertEqual(self.compose("refresh"), "")
        self.assertEqual(self.snapshot(), before)
        self.assertNotIn(COUNT, (self.top / P10).read_text().split("\ndiff", 1)[1])

    def test_mails_bring_each_version(self):
        self.compose("mails")
        self.compose("am-check")
        mails = sorted((self.top / "out/mails/hyper-v").glob("*.patch"))
        self.assertIn("+long mm_counts;\n", mails[-1].read_text())
        self.assertIn("old mode 100644\nnew mode 100755", mails[-1].read_text())

    def test_files(self):
        rows = json.loads(self.compose("files", "--json"))
        self.assertEqual([(r["kind"], r["patch"][:4]) for r in rows if r["path"] == COUNT],
                         [("overlay", "0010"), ("growth", "0020"), ("growth", "0110"),
                          ("growth", "0120")])

    def test_edit_beside_the_diffs_goes_to_the_first_version(self):
        self.edit(self.top / COUNT, "/* counts */\n", "/* counts */\n/* and more */\n")
        tip = self.compose("commit")
        self.assertEqual(self.at(tip), FINAL.replace("*/\n", "*/\n/* and more */\n"))
        self.assertEqual(self.at(f"{tip}~3"), FIRST.replace("*/\n", "*/\n/* and more */\n"))
        self.refused("refresh", "--check")
        self.compose("refresh")
        self.assertEqual(self.compose("commit"), tip)

    def test_mode_of_the_final_file_is_that_of_all_versions(self):
        (self.top / COUNT).chmod(0o755)
        for row in self.compose("commit", "--list").split("\n"):
            self.assertTrue(git(self.base, "ls-tree", row.split("\t")[1], COUNT)
                            .startswith("100755"))
        self.compose("refresh")
        self.compose("refresh", "--check")
        self.assertNotIn("old mode", (self.top / P20).read_text())

    def test_place_of_a_deleted_upstream_file(self):
        self.edit(self.top / P120, "---\n", "---\nOverlay: drivers/hv/old.c\n")
        write(self.top / "drivers/hv/old.c", "int anew;\n")
        self.compose("check")
        self.assertEqual(self.at(self.compose("commit"), "drivers/hv/old.c"), "int anew;\n")


class Refusals(Grown):
    """Files and diffs that do not fit, each with the patch, the file and the hunk."""

    def unfit(self, *parts):
        """commit, tree and refresh are refused; nothing changes."""
        before = self.snapshot()
        for command in ("commit", "tree", "refresh"):
            error = self.refused(command)
            for part in parts:
                self.assertIn(part, error.split("\n")[0])
            self.assertIn("compose save", error)
        self.assertEqual(self.snapshot(), before)
        self.assertFalse(self.out.exists())

    def faults(self, *parts):
        """check and commit are refused with all the parts in one line."""
        for command in ("check", "commit"):
            lines = self.refused(command).split("\n")
            self.assertTrue(any(all(p in l for p in parts) for l in lines), (parts, lines))

    def test_edit_inside_a_diff(self):
        self.edit(self.top / COUNT, "int count_06;", "int count_six;")
        self.unfit("0120-hv-use-the-script.patch", COUNT, "hunk #1 (@@")
        git(self.top, "checkout", "-q", COUNT)
        self.edit(self.top / COUNT, "int count_23;", "int count_twentythree;")
        self.unfit("0110-hv-run-a-script.patch", COUNT, "hunk #1 (@@")

    def test_hunk_is_named(self):
        self.edit(self.top / COUNT, "int last;", "int least;")
        self.unfit("0110-hv-run-a-script.patch", COUNT, "hunk #2 (@@")

    def test_edit_of_a_patch(self):
        self.edit(self.top / P20, "+int mm_counts;", "+int mm_counted;")
        self.unfit("0020-mm-offer-counting.patch", COUNT, "hunk #1 (@@")

    def test_mode_that_does_not_fit(self):
        (self.top / RUN).chmod(0o644)
        self.unfit("0120-hv-use-the-script.patch", RUN, "mode", "100755")

    def test_edited_before_it_is_added(self):
        self.edit(self.top / P10, f"Overlay: {COUNT}\n", "")
        self.edit(self.top / P110, "---\n", f"---\nOverlay: {COUNT}\n")
        self.faults(COUNT, "edited by 0020-mm", "0110-hv", "adds it")

    def test_added_twice(self):
        self.edit(self.top / P20, "---\n", f"---\nOverlay: {COUNT}\n")
        self.faults(COUNT, "0010-dma", "0020-mm", "one patch adds a file")

    def test_diff_in_the_patch_that_adds_it(self):
        append(self.top / P10, diff(COUNT, FIRST, SECOND))
        self.faults(COUNT, "0010-dma", "by its diff as well")

    def test_new_file_and_binary(self):
        text = (self.top / P120).read_text()
        self.edit(self.top / P120, f"diff --git a/{COUNT} b/{COUNT}\n",
                  f"diff --git a/{COUNT} b/{COUNT}\nnew file mode 100644\n")
        self.faults(COUNT, "is a new file in 0120-hv", "0010-dma")
        (self.top / P120).write_text(text.split("diff --git")[0])
        append(self.top / P120, f"diff --git a/{COUNT} b/{COUNT}\nindex 1..2 100644\n"
               "GIT binary patch\nliteral 1\nIcmZ\n\n")
        self.faults(COUNT, "binary diff in 0120-hv")

    def test_edited_after_it_is_deleted(self):
        text = (self.top / P110).read_text()
        start = text.index(f"diff --git a/{COUNT}")
        (self.top / P110).write_text(text[:start] + diff(COUNT, SECOND, "",
                                                         "deleted file mode 100644\n"))
        self.faults(COUNT, "0120-hv", "0110-hv", "deletes it before")

    def test_final_file_missing(self):
        (self.top / COUNT).unlink()
        self.faults(f"{COUNT} does not exist")


class Save(Grown):
    """From edited commits back to the checkout."""

    def setUp(self):
        super().setUp()
        self.before = self.snapshot()
        self.tip = self.compose("tree")

    def has(self, patch):
        """The diff text of a patch that concerns count.c."""
        text = (self.top / patch).read_text()
        return text.partition(f"diff --git a/{COUNT}")[2].partition("diff --git")[0]

    def test_round_trip(self):
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), self.before)
        self.assertEqual((self.out / COUNT).read_text(), FINAL)

    def test_rewritten_commits_save_to_the_same_bytes(self):
        git(self.out, "rebase", "-q", "-i", "--force-rebase", "HEAD~4",
            env=quiet_env(GIT_SEQUENCE_EDITOR="sed -i s/^pick/reword/"))
        self.assertNotEqual(git(self.out, "rev-parse", "HEAD"), self.tip)
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), self.before)

    def test_a_new_commit_grows_it_further(self):
        more = FINAL + "int more;\n"
        self.commit_in_tree("mm: More\n\nAssisted-by: LLM", kernel__dma__count_DOT_c=more)
        self.saved()
        self.assertEqual((self.top / COUNT).read_text(), more)
        self.assertIn("+int more;", self.has("patches/0130-mm-more.patch"))
        for patch in (P20, P110, P120):
            self.assertEqual((self.top / patch).read_bytes(), self.before[patch][0])

    def test_an_amended_first_version(self):
        git(self.out, "checkout", "-q", "--detach", "HEAD~3")
        self.edit(self.out / COUNT, "int count_15;", "int count_fifteen;")
        git(self.out, "commit", "-q", "-a", "--amend", "--no-edit")
        git(self.out, "rebase", "-q", "--onto", "HEAD", f"{self.tip}~3", "series")
        first = self.saved()[0]
        self.assertEqual(self.at(first), FIRST.replace("count_15", "count_fifteen"))
        self.assertEqual((self.top / COUNT).read_text(),
                         FINAL.replace("count_15", "count_fifteen"))

    def test_a_commit_that_adds_is_split_in_two(self):
        git(self.out, "checkout", "-q", "--detach", "HEAD~3")
        half = FIRST[:FIRST.index("int count_16;")]
        write(self.out / COUNT, half)
        git(self.out, "commit", "-q", "-a", "--amend", "--no-edit")
        self.commit_in_tree("dma: Count more\n\nAssisted-by: LLM", kernel__dma__count_DOT_c=FIRST)
        git(self.out, "rebase", "-q", "--onto", "HEAD", f"{self.tip}~3", "series")
        commits = self.saved()
        self.assertEqual([self.at(c) for c in commits], [half, FIRST, SECOND, THIRD, FINAL])
        self.assertIn("+int count_16;", self.has("patches/0015-dma-count-more.patch"))
        self.assertNotIn("Overlay", (self.top / "patches/0015-dma-count-more.patch").read_text())
        self.assertEqual((self.top / COUNT).read_text(), FINAL)

    def test_reordered_commits(self):
        self.rebase_tree(3, "2 1 3")        # 110 before 20
        self.saved()
        self.assertEqual([n[:4] for n in self.patches()], ["0010", "0110", "0115", "0120"])
        self.assertIn("+int last;", self.has(P110))
        self.assertIn("+int mm_counts;", self.has("patches/0115-mm-offer-counting.patch"))
        self.assertEqual((self.top / COUNT).read_text(), FINAL)

    def test_dropped_growth(self):
        git(self.out, "reset", "-q", "--hard", "HEAD~1")
        self.saved()
        self.assertEqual((self.top / COUNT).read_text(), THIRD)
        self.assertFalse(os.access(self.top / RUN, os.X_OK))

    def test_moved_to_another_patch(self):
        git(self.out, "reset", "-q", "--hard", "HEAD~2")
        write(self.out / COUNT, FIRST)
        git(self.out, "commit", "-q", "-a", "--amend", "--no-edit")
        self.commit_in_tree("hv: All\n\nAssisted-by: LLM", kernel__dma__count_DOT_c=FINAL)
        self.saved()
        self.assertNotIn(COUNT, (self.top / P20).read_text())

    def test_added_by_another_patch(self):
        git(self.out, "reset", "-q", "--hard", "HEAD~3")
        git(self.out, "rm", "-q", "--cached", COUNT)
        git(self.out, "commit", "-q", "--amend", "--no-edit")
        self.commit_in_tree("mm: Offer counting\n\nAssisted-by: LLM",
                            kernel__dma__count_DOT_c=SECOND)
        self.saved()
        self.assertNotIn(f"Overlay: {COUNT}", (self.top / P10).read_text())
        self.assertIn(f"Overlay: {COUNT}", (self.top / P20).read_text())
        self.assertEqual((self.top / COUNT).read_text(), SECOND)

    def test_deleted_later_and_brought_back(self):
        git(self.out, "rm", "-q", COUNT)
        git(self.out, "commit", "-q", "-m", "dma: Remove the counter\n\nAssisted-by: LLM")
        commits = self.saved()
        self.assertEqual([self.at(c) for c in commits], [FIRST, SECOND, THIRD, FINAL, None])
        self.assertFalse((self.top / COUNT).exists())
        self.compose("tree")
        self.compose("mails")
        self.compose("am-check")
        project = config.project("linux", self.top, self.base)
        patches = load_patches(project, load(project))
        with ObjectStore(project) as store:
            twice = [compose.compose(store, project, commits[0] + "^", patches)[-1].commit
                     for _ in range(2)]
        self.assertEqual(twice, [commits[-1]] * 2)
        write(self.top / COUNT, FINAL)
        for command in ("check", "commit"):
            self.assertIn("exists, but 0130-dma-remove-the-counter.patch deletes it",
                          self.refused(command))
        (self.top / COUNT).unlink()
        git(self.out, "reset", "-q", "--hard", "HEAD~1")
        self.saved()
        self.assertEqual((self.top / COUNT).read_text(), FINAL)

    def test_added_again_is_refused(self):
        git(self.out, "rm", "-q", COUNT)
        git(self.out, "commit", "-q", "-m", "dma: Remove\n\nAssisted-by: LLM")
        self.commit_in_tree("dma: Again\n\nAssisted-by: LLM", kernel__dma__count_DOT_c=FIRST)
        error = self.refused("save")
        for part in ("dma: Again", COUNT, "is added again", "dma: Count allocations"):
            self.assertIn(part, error)
        self.assertEqual(self.snapshot(), self.before)

    def test_odd_contents(self):
        path = self.out / "mm/odd.c"
        for content in (b"", b"no newline", b"caf\xe9\n\f\x1c\n", b"a\n\n\n", b""):
            path.write_bytes(content)
            git(self.out, "add", "-A")
            git(self.out, "commit", "-q", "-m", f"mm: Odd {content!r}\n\nAssisted-by: LLM")
        path.chmod(0o755)
        git(self.out, "commit", "-q", "-a", "-m", "mm: Mode alone\n\nAssisted-by: LLM")
        self.saved()
        git(self.out, "rm", "-q", "mm/odd.c")
        git(self.out, "commit", "-q", "-m", "mm: Empty goes\n\nAssisted-by: LLM")
        self.saved()

    def test_binary_and_links_are_refused(self):
        (self.out / COUNT).write_bytes(b"\0\1")
        git(self.out, "commit", "-q", "-a", "-m", "mm: Binary\n\nAssisted-by: LLM")
        self.assertIn("binary", self.refused("save"))
        git(self.out, "reset", "-q", "--hard", "HEAD~1")
        (self.out / COUNT).unlink()
        (self.out / COUNT).symlink_to("pool.c")
        git(self.out, "commit", "-q", "-a", "-m", "mm: Link\n\nAssisted-by: LLM")
        self.assertIn("not a regular file", self.refused("save"))
        self.assertEqual(self.snapshot(), self.before)

    def test_edit_in_the_checkout_is_not_overwritten(self):
        self.commit_in_tree("mm: More\n\nAssisted-by: LLM", kernel__dma__count_DOT_c=FINAL + "x\n")
        self.edit(self.top / COUNT, "int last;", "int least;")
        self.assertIn("--force", self.refused("save"))
        self.assertIn("int least;", (self.top / COUNT).read_text())


class Rebase(Grown):
    """Another base under files that grow."""

    def onto(self, **files):
        """Arguments for a base with other files (path with __ for / and _DOT_ for .)."""
        changed = {k.replace("__", "/").replace("_DOT_", "."): v for k, v in files.items()}
        make_base(self.tmp / "next.git", {**BASE, **changed}, "next")
        return "--base-repo", self.tmp / "next.git", "--base-rev", "next"

    def versions(self, tip, count=4):
        """Every version of count.c on the way to the tip."""
        return [self.at(f"{tip}~{n}") for n in range(count - 1, -1, -1)]

    def test_conflict_beside_a_file_that_grows(self):
        self.refused("rebase", *self.onto(kernel__dma__Makefile="obj-y += other.o\n",
                                          mm__Kconfig="config OTHER\n"))
        self.assertEqual((self.out / COUNT).read_text(), FIRST)
        git(self.out, "checkout", "-q", "HEAD", "--", "kernel/dma/Makefile")
        (self.out / "kernel/dma/Makefile.rej").unlink(missing_ok=True)
        self.assertIn("0020-mm", self.refused("rebase", "--continue"))
        self.assertEqual((self.out / COUNT).read_text(), SECOND)
        git(self.out, "checkout", "-q", "HEAD", "--", "mm/Kconfig")
        (self.out / "mm/Kconfig.rej").unlink(missing_ok=True)
        tip = self.compose("rebase", "--continue")
        self.assertEqual(self.versions(tip), [FIRST, SECOND, THIRD, FINAL])
        self.compose("save")
        self.assertEqual((self.top / COUNT).read_text(), FINAL)

    def test_mended_version_is_kept_by_later_patches(self):
        self.refused("rebase", *self.onto(kernel__dma__count_DOT_c="int upstream;\n"))
        write(self.out / COUNT, "int upstream;\n" + FIRST)
        git(self.out, "add", "-A")
        tip = self.compose("rebase", "--continue")
        self.assertEqual(self.versions(tip),
                         ["int upstream;\n" + v for v in (FIRST, SECOND, THIRD, FINAL)])
        self.compose("save")
        self.assertFalse((self.top / COUNT).exists())
        base = git(self.base, "rev-parse", f"{tip}~4")
        self.assertEqual(self.versions(self.compose("--base-rev", base, "commit")),
                         self.versions(tip))

    def test_mended_version_that_a_later_diff_does_not_fit(self):
        self.refused("rebase", *self.onto(kernel__dma__count_DOT_c="int upstream;\n"))
        write(self.out / COUNT, FIRST.replace("count_06", "count_six"))
        git(self.out, "add", "-A")
        error = self.refused("rebase", "--continue")
        self.assertIn(f"0020-mm-offer-counting.patch does not apply: {COUNT}: hunk #1", error)
        self.assertIn("<<<<<<<", (self.out / COUNT).read_text())
        self.compose("rebase", "--abort")
        self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
