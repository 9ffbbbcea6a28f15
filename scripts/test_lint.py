#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lint's texts, limits, exceptions and cache, as KTAP.

Each check is shown a text that it must refuse beside one that it must take.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import ktap                                             # noqa: E402
import lint_cache                                       # noqa: E402
import lint_docs                                        # noqa: E402
import lint_text as lint                                # noqa: E402

PATCH = """\
From: cvm-io <cvm-io@localhost>
Subject: dma: Count

Whoever calls it, for
want of a better name.

Assisted-by: LLM
---
Overlay: kernel/count.c

diff --git a/kernel/Makefile b/kernel/Makefile
--- a/kernel/Makefile
+++ b/kernel/Makefile
@@ -1,2 +1,3 @@
 # nobody
-# whoever
+# count
+obj-y += count.o
diff --git a/kernel/count.c b/kernel/count.c
--- a/kernel/count.c
+++ b/kernel/count.c
@@ -1 +1,2 @@
 /* any more */
+/* cease */
"""


def text(body, path="a.c", group="one"):
    """A Text of a whole file."""
    return lint.Text(path, group, list(enumerate(body.split("\n"), 1)))


class PatchLines(unittest.TestCase):
    def test_only_what_the_author_wrote(self):
        lines = dict(lint.patch_lines(PATCH))
        self.assertEqual(lines[4], "Whoever calls it, for")
        self.assertEqual([n for n in lines if n > 8], [17, 18, 24])
        self.assertEqual(PATCH.split("\n")[17], "+obj-y += count.o")
        self.assertEqual(lines[18], "obj-y += count.o")

    def test_added_files_are_read_in_the_tree(self):
        lines = dict(lint.patch_lines(PATCH, skip={"kernel/count.c"}))
        self.assertNotIn(24, lines)

    def test_no_end_of_changelog(self):
        with self.assertRaisesRegex(lint.Bad, "no '---' line"):
            lint.patch_lines("Subject: x\n\nbody\n")


class Words(unittest.TestCase):
    LIST = "whoever | the caller\nfor want | without\nstop(s)? to \\w+ | stop doing\n"

    def found(self, body, more=""):
        return lint.Words(self.LIST + more).findings(text(body))

    def test_finds_any_case_and_says_where(self):
        self.assertEqual(self.found("one\nWhoever calls"), ["a.c:2: 'Whoever': the caller"])

    def test_a_phrase_goes_on_in_the_next_line(self):
        for body in ("for\nwant", " * for\n * want", "# for\n# want", "// for\n\t// want"):
            self.assertEqual(len(self.found(body)), 1, body)

    def test_only_whole_words(self):
        self.assertEqual(self.found("for wanted; whoever_calls(); stop to"), [])
        self.assertEqual(self.found("for a want"), [])

    def test_several_in_order(self):
        found = self.found("it stops to wait\nwhoever waits")
        self.assertEqual([f.split(":")[1] for f in found], ["1", "2"])

    def test_allowed_here_only(self):
        self.assertEqual(self.found("says whoever()", "allow a.c | says whoever"), [])
        self.assertEqual(len(self.found("asks whoever", "allow a.c | says whoever")), 1)
        self.assertEqual(len(self.found("says whoever", "allow b.c | says whoever")), 1)

    def test_an_allowance_that_nothing_needs(self):
        words = lint.Words(self.LIST + "allow a.c | says whoever\n")
        words.findings(text("nothing"))
        self.assertIn("lint-words:4: a.c no longer needs 'says whoever'", words.unused()[0])

    def test_bad_lines(self):
        for line, reason in (("whoever", "lint-words:1: expected"),
                             ("a( | b", "no regular expression")):
            with self.assertRaisesRegex(lint.Bad, reason):
                lint.Words(line)

    def test_the_list_of_the_repository(self):
        words = lint.Words(lint.read(lint.WORDS))
        for body in ("whoever", "nobody", "two of which", "for want of", "not any more",
                     "it ceases", "to\n * and fro", "books", "Stop to wait", "abandoned",
                     "convicted", "makes the guest believe"):
            self.assertEqual(len(words.findings(text(body))), 1, body)
        self.assertEqual(words.findings(text("a bookkeeping of convictable_things")), [])


class Spelling(unittest.TestCase):
    def test_says_which_text_and_line(self):
        one, two = text("fine\nteh end"), text("recieve", path="b.c")
        found = lint.spelling([one, two])
        self.assertEqual(found[id(one)], ["a.c:2: 'teh': spelt the?"])
        self.assertEqual(found[id(two)], ["b.c:1: 'recieve': spelt receive?"])

    def test_ignored(self):
        self.assertEqual(lint.spelling([text("struct xen_sring *sring; iput()")]), {})

    def test_nothing(self):
        self.assertEqual(lint.spelling([text("all is well")]), {})


class Limits(unittest.TestCase):
    def test_a_patch(self):
        self.assertEqual(lint.too_large("p", {"a.c": 500, "b.c": 100}), [])
        found = lint.too_large("p", {"a.c": 500, "b.c": 101})
        self.assertEqual(found, ["p changes 601 lines; a patch has at most 600: "
                                 "split it (a.c has 500)"])

    def test_tests_may_be_longer(self):
        sizes = {"kernel/dma/tests/pool_kunit.c": 990, "kernel/dma/Makefile": 5,
                 "MAINTAINERS": 5}
        self.assertEqual(lint.too_large("p", sizes), [])
        sizes["kernel/dma/Kconfig"] = 1
        self.assertIn("patch of tests has at most 1000", lint.too_large("p", sizes)[0])

    def test_what_is_no_patch_of_tests(self):
        self.assertFalse(lint.is_test(["kernel/dma/Makefile"]))
        self.assertFalse(lint.is_test(["tools/testing/a.c", "kernel/dma/pool.c"]))
        self.assertTrue(lint.is_test(["tools/testing/a.c", "tools/testing/Makefile"]))


class Exceptions(unittest.TestCase):
    LIST = "# why\none\twords\t2\none\tsize\t1\n"

    def test_as_many_as_listed(self):
        self.assertEqual(lint.Exceptions(self.LIST).judge("one", "words", ["a", "b"]), [])

    def test_more(self):
        wrong = lint.Exceptions(self.LIST).judge("one", "words", ["a", "b", "c"])
        self.assertIn("3 findings of words", wrong[0])
        self.assertEqual(wrong[1:], ["a", "b", "c"])

    def test_fewer_and_none(self):
        excused = lint.Exceptions(self.LIST)
        self.assertIn("only 1 of 2", excused.judge("one", "words", ["a"])[0])
        self.assertIn("none of 1", excused.judge("one", "size", [])[0])

    def test_not_listed(self):
        self.assertEqual(lint.Exceptions(self.LIST).judge("two", "words", ["a"]), ["a"])

    def test_no_such_section(self):
        excused = lint.Exceptions("gone\twords\t2\ngone\tsize\t1\n")
        excused.judge("one", "words", [])
        self.assertEqual(excused.strangers(["words"]),
                         ["scripts/lint-exceptions: there is no section 'gone': "
                          "remove its line"])

    def test_none_is_added(self):
        new = lint.Exceptions(self.LIST + "two\twords\t1\n")
        self.assertIn("two words was not excused before",
                      new.added(lint.Exceptions(self.LIST))[0])
        self.assertEqual(lint.Exceptions("").added(lint.Exceptions(self.LIST)), [])

    def test_lowered(self):
        excused = lint.Exceptions(self.LIST)
        excused.judge("one", "words", ["a"])
        excused.judge("one", "size", [])
        self.assertEqual(excused.lowered(), "# why\none\twords\t1\n")

    def test_never_raised(self):
        excused = lint.Exceptions(self.LIST)
        excused.judge("one", "words", ["a", "b", "c"])
        excused.judge("one", "size", ["a"])
        self.assertEqual(excused.lowered(), self.LIST)

    def test_bad_lines(self):
        for line in ("one words", "one word 1", "one words 0", "one words many"):
            with self.assertRaisesRegex(lint.Bad, "lint-exceptions:1: expected"):
                lint.Exceptions(line)
        with self.assertRaisesRegex(lint.Bad, "listed twice"):
            lint.Exceptions("one words 1\none words 1")

    def test_history(self):
        with tempfile.TemporaryDirectory() as folder:
            def git(*args):
                subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c",
                                "user.email=t@t.example", *args], check=True,
                               capture_output=True)
            git("init", "-q")
            path = Path(folder) / lint.EXCEPTIONS
            path.parent.mkdir()
            for body in (self.LIST, "one words 1\n"):
                path.write_text(body)
                git("add", "-A")
                git("commit", "-q", "-m", "x")
            older = [len(e.counts) for e in lint.older_lists(Path(folder))]
        self.assertEqual(older, [2, 1])


class Documents(unittest.TestCase):
    def test_warnings_of_pages(self):
        found = lint_docs.page_findings(
            "make[1]: Entering directory '/t'\n"
            "/t/Documentation/a.rst:12: WARNING: Title underline too short.\n"
            "/t/Documentation/a.rst:90: WARNING: Title underline too short.\n"
            "WARNING: /t/kernel/b.c:3 Excess function parameter 'x'\n", "/t")
        self.assertEqual(found, {
            "Documentation/a.rst: WARNING: Title underline too short.": 2,
            "WARNING: kernel/b.c Excess function parameter 'x'": 1})

    def test_the_nearest_folder_with_an_index(self):
        class Tree:
            tip = "tip"

            @staticmethod
            def blobs(_rev, _paths):
                return {f"Documentation/{p}": "" for p in (
                    "index.rst", "virt/index.rst", "virt/kvm/index.rst")}
        pages = [f"Documentation/virt/{p}.rst" for p in ("kvm/a", "kvm/x/b", "c")]
        self.assertEqual(lint_docs.folders(Tree, pages), ["virt", "virt/kvm"])

    def test_kernel_doc(self):
        found = lint_docs.doc_findings(
            "Warning: a/b.c:12 No description found\n"
            "Warning: a/b.c:80 No description found\n"
            "Warning: a/b.c:12 No description found\n"
            "Warning: c.h:1 This comment starts with '/**'\n * what\n")
        self.assertEqual(found["a/b.c"], {"No description found": 2})
        self.assertEqual(found["c.h"], {"This comment starts with '/**'": 1, " * what": 1})


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
