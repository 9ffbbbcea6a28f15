# SPDX-License-Identifier: GPL-2.0
"""compose check and files: every structural fault is found and named."""

import json
import unittest

from fixture import Case, git, write

P10 = "patches/0010-dma-count-allocations.patch"
P20 = "patches/0020-mm-offer-counting.patch"
P110 = "patches/0110-hv-run-a-script.patch"


class Check(Case):
    """One fault per test; the untouched checkout is sound."""

    def faults(self, *parts):
        """check must fail with one line that holds all the parts."""
        lines = self.refused("check").strip().split("\n")
        self.assertTrue(any(all(p in l for p in parts) for l in lines), lines)
        return lines

    def test_sound(self):
        self.assertEqual(self.compose("check"), "")
        self.assertEqual(self.compose("check", env=self.hostile()), "")

    def test_unclaimed_overlay_file(self):
        write(self.top / "mm/forgotten.c", "int forgotten;\n")
        self.faults("mm/forgotten.c", "claimed by no patch")
        git(self.top, "add", "-A")
        self.faults("mm/forgotten.c", "claimed by no patch")

    def test_our_own_and_ignored_files_are_no_overlay(self):
        write(self.top / "scripts/more.txt", "x\n")
        write(self.top / "lab/run", "x\n")
        write(self.top / "mm/thing.ignored", "x\n")
        write(self.top / "qemu/hw/x.c", "x\n")
        write(self.top / "README.second", "x\n")
        self.compose("check")

    def test_claimed_twice(self):
        self.edit(self.top / P20, "---\n", "---\nOverlay: kernel/dma/count.c\n")
        self.faults("kernel/dma/count.c", "0010-dma", "0020-mm", "one patch adds a file")

    def test_claimed_file_missing(self):
        (self.top / "kernel/dma/count.c").unlink()
        self.faults("0010-dma", "kernel/dma/count.c", "does not exist")

    def test_overlay_is_a_link(self):
        (self.top / "kernel/dma/count.c").unlink()
        (self.top / "kernel/dma/count.c").symlink_to("direct.c")
        self.faults("kernel/dma/count.c", "not a regular file")

    def test_overlay_outside(self):
        for path in ("scripts/x.sh", "toplevel.c", "nosuchdir/x.c", "../x.c", "/etc/x"):
            git(self.top, "checkout", "-q", "--", "patches")
            self.edit(self.top / P20, "---\n", f"---\nOverlay: {path}\n")
            self.faults("0020-mm", path)

    def test_binary_and_carriage_return(self):
        (self.top / "kernel/dma/count.c").write_bytes(b"a\0b")
        self.faults("kernel/dma/count.c", "binary")
        (self.top / "kernel/dma/count.c").write_bytes(b"a\r\n")
        self.faults("kernel/dma/count.c", "carriage return")

    def test_patch_not_listed_and_listed_twice(self):
        self.edit(self.top / "patches/series", "0020-mm-offer-counting.patch\n", "")
        self.faults("0020-mm-offer-counting.patch", "not listed")
        self.edit(self.top / "patches/series", "0010-dma-count-allocations.patch\n",
                  "0010-dma-count-allocations.patch\n" * 2)
        self.faults("0010-dma-count-allocations.patch", "twice")

    def test_listed_patch_missing(self):
        (self.top / P20).unlink()
        self.faults("0020-mm-offer-counting.patch", "does not exist")

    def test_too_many_patches(self):
        names = [f"00{20 + i}-mm-x.patch" for i in range(15)]
        for name in names:
            (self.top / "patches" / name).write_bytes((self.top / P20).read_bytes())
        (self.top / P20).unlink()
        self.edit(self.top / "patches/series", "0020-mm-offer-counting.patch", "\n".join(names))
        self.faults("shared-memory", "16 patches", "at most 15")

    def test_numbers(self):
        series = self.top / "patches/series"
        (self.top / P20).rename(self.top / "patches/0120-mm-offer-counting.patch")
        self.edit(series, "0020-mm", "0120-mm")
        self.faults("shared-memory", "mixes the hundreds")
        (self.top / "patches/0120-mm-offer-counting.patch").rename(
            self.top / "patches/0005-mm-offer-counting.patch")
        self.edit(series, "0120-mm", "0005-mm")
        self.faults("0005-mm", "out of order")

    def test_section_hundred_used_twice(self):
        (self.top / P110).rename(self.top / "patches/0030-hv-run-a-script.patch")
        self.edit(self.top / "patches/series", "0110-hv", "0030-hv")
        self.faults("hyper-v", "00xx")

    def test_headers(self):
        self.edit(self.top / P20, "Assisted-by: LLM sparse\n", "")
        self.faults("0020-mm", "Assisted-by")
        self.edit(self.top / P10, "Assisted-by: LLM\n",
                  "Assisted-by: LLM\nSigned-off-by: A <a@b.c>\n")
        self.faults("0010-dma", "Signed-off-by")
        self.edit(self.top / P110, "From: cvm-io <cvm-io@localhost>", "From: A <a@b.c>")
        self.faults("0110-hv", "From:")

    def test_message_that_mails_cannot_carry(self):
        self.edit(self.top / P20, "An option is due.", "diff -u would end this.")
        self.faults("0020-mm", "git am would end it")
        self.edit(self.top / P10, "Subject: dma", "Subject: [dma]")
        self.faults("0010-dma", "bracket")

    def test_diff_kinds(self):
        head = "diff --git a/mm/new.c b/mm/new.c\n"
        for body, says in (
                ("new file mode 100644\n--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+x\n",
                 "new file inside the patch"),
                ("old mode 100644\nnew mode 100755\n", "mode"),
                ("index 1..2 100644\nGIT binary patch\nliteral 1\nIcmZ\n\n", "binary")):
            git(self.top, "checkout", "-q", "--", "patches")
            with open(self.top / P20, "a", encoding="utf-8") as handle:
                handle.write(head + body)
            self.faults("0020-mm", "mm/new.c", says)

    def test_empty_patch(self):
        text = (self.top / P20).read_text().split("---\n")[0] + "---\n"
        (self.top / P20).write_text(text)
        self.faults("0020-mm", "changes nothing")

    def test_cover_missing(self):
        (self.top / "cover/hyper-v.txt").unlink()
        self.faults("cover/hyper-v.txt", "does not exist")

    def test_reports_every_fault(self):
        (self.top / "cover/hyper-v.txt").unlink()
        write(self.top / "mm/forgotten.c", "int forgotten;\n")
        self.edit(self.top / P20, "Assisted-by: LLM sparse\n", "")
        self.assertEqual(len(self.faults("forgotten")), 3)

    def test_bad_series_line(self):
        with open(self.top / "patches/series", "a", encoding="utf-8") as handle:
            handle.write("some junk\n")
        self.faults("patches/series:9", "some junk")


class Files(Case):
    """compose files."""

    def test_plain_and_json(self):
        rows = [tuple(l.split("\t")) for l in self.compose("files").split("\n")]
        self.assertIn(("kernel/dma/count.c", "overlay", "0010-dma-count-allocations.patch"), rows)
        self.assertIn(("mm/Kconfig", "edit", "0020-mm-offer-counting.patch"), rows)
        self.assertEqual(len(rows), 8)
        data = json.loads(self.compose("files", "--json"))
        self.assertEqual([(d["path"], d["kind"], d["patch"]) for d in data], rows)


if __name__ == "__main__":
    unittest.main()
