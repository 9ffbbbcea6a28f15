# SPDX-License-Identifier: GPL-2.0
"""compose mails and am-check: git am gives the composed trees."""

import email
import mailbox
import os
import shutil
import unittest

from fixture import BASE, Case, git, make_base, quiet_env, write


class Mails(Case):
    """The mails and who signs them."""

    def setUp(self):
        super().setUp()
        self.mails = self.top / "out/mails"

    def person(self, name="Ann Ämtlich", email="ann@person.example"):
        """Put a person into the checkout's git configuration."""
        git(self.top, "config", "user.name", name)
        git(self.top, "config", "user.email", email)

    def texts(self):
        """{path below out/mails: text}."""
        return {str(p.relative_to(self.mails)): p.read_bytes().decode()
                for p in sorted(self.mails.rglob("*.patch"))}

    def am(self):
        """Apply all mails with a plain git am on a plain clone; return the clone."""
        clone = self.tmp / "clone"
        git(self.tmp, "clone", "-q", "-b", "base", self.base, clone)
        files = [p for s in ("shared-memory", "hyper-v")
                 for p in sorted((self.mails / s).glob("0*.patch")) if p.name[:4] != "0000"]
        git(clone, "am", "-q", *files)
        return clone

    def test_names_numbers_and_covers(self):
        self.compose("mails")
        self.assertEqual(list(self.texts()), [
            "hyper-v/0000-cover-letter.patch", "hyper-v/0001-Drivers-hv-Run-a-script.patch",
            "shared-memory/0000-cover-letter.patch",
            "shared-memory/0001-dma-Count-allocations.patch",
            "shared-memory/0002-mm-Offer-counting.patch"])
        cover = self.texts()["shared-memory/0000-cover-letter.patch"]
        for part in ("Subject: [PATCH 0/2] dma: Counting\n", "We count.\n\nAnd naïvely.\n",
                     "charset=UTF-8", "cvm-io (2):\n  dma: Count allocations\n",
                     "5 files changed", "create mode 100644 kernel/dma/count.c"):
            self.assertIn(part, cover)
        self.assertNotIn("***", cover)
        self.assertIn("Subject: [PATCH 0/1] hv: Scripts\n",
                      self.texts()["hyper-v/0000-cover-letter.patch"])
        self.assertIn("Subject: [PATCH 2/2] mm: Offer counting\n",
                      self.texts()["shared-memory/0002-mm-Offer-counting.patch"])

    def test_git_am_gives_the_same_trees(self):
        self.compose("mails")
        clone = self.am()
        for back in range(3):
            self.assertEqual(git(clone, "rev-parse", f"HEAD~{back}^{{tree}}"),
                             git(self.base, "rev-parse", f"{self.compose('commit')}~{back}^{{tree}}"))
        self.assertEqual(git(clone, "log", "-1", "--format=%an %ae"), "cvm-io cvm-io@localhost")
        self.assertEqual(git(clone, "log", "-3", "--format=%B"),
                         git(self.base, "log", "-3", "--format=%B", self.compose("commit")))

    def test_byte_identical_second_run(self):
        self.compose("mails")
        first = self.texts()
        self.compose("mails")
        self.assertEqual(self.texts(), first)

    def test_hostile_configuration_does_not_matter(self):
        self.compose("mails", "--stored-author")
        first = self.texts()
        self.compose("mails", "--stored-author", env=self.hostile())
        self.assertEqual(self.texts(), first)
        for key, value in (("format.headers", "X-Hostile: yes"), ("diff.noprefix", "true"),
                           ("format.attach", "x"), ("format.subjectPrefix", "HOSTILE")):
            git(self.base, "config", key, value)
        write(self.base / "info/attributes", "* binary\n")
        self.compose("mails", "--stored-author")
        self.assertEqual(self.texts(), first)
        self.compose("am-check", env=self.hostile())

    def test_the_project_without_a_person(self):
        for name, address in (("", ""), ("cvm-io", "any@person.example"), ("Ann", ""),
                              ("Any", "cvm-io@localhost")):
            self.person(name, address)
            self.compose("mails")
            self.assertNotIn("Signed-off-by: ", "".join(self.texts().values()))
            self.assertIn("From: cvm-io <cvm-io@localhost>\n",
                          self.texts()["shared-memory/0002-mm-Offer-counting.patch"])
            self.assertIn("user.name and user.email", self.refused("mails", "--signoff"))

    def test_a_person_is_the_author_and_does_not_sign_unasked(self):
        self.person()
        self.compose("mails")
        for name, text in self.texts().items():
            self.assertNotIn("Signed-off-by: ", text)
            self.assertNotIn("cvm-io@localhost", text)
            self.assertIn("From: =?utf-8?q?Ann", text.replace("UTF-8", "utf-8"))
            self.assertEqual("\n---\nNot signed off: " in text, "0000-" not in name, name)
        self.assertEqual(git(self.am(), "log", "-1", "--format=%an <%ae>"),
                         "Ann Ämtlich <ann@person.example>")
        self.compose("am-check")

    def test_a_person_signs_off(self):
        before = self.snapshot()
        self.person()
        self.compose("mails", "--signoff")
        texts = self.texts()
        for name, text in texts.items():
            signed = text.count("Signed-off-by: Ann Ämtlich <ann@person.example>\n")
            self.assertEqual(signed, 0 if "0000-" in name else 1, name)
            self.assertNotIn("Not signed off", text)
            self.assertNotIn("cvm-io@localhost", text)
        self.assertIn("Assisted-by: LLM sparse\nSigned-off-by: Ann",
                      texts["shared-memory/0002-mm-Offer-counting.patch"])
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(git(self.am(), "log", "-1", "--format=%an <%ae>"),
                         "Ann Ämtlich <ann@person.example>")
        self.compose("am-check")

    def test_stored_author(self):
        self.person()
        self.compose("mails", "--stored-author")
        self.assertNotIn("Ämtlich", "".join(self.texts().values()))

    def test_signoff_ignores_a_misleading_git_dir(self):
        self.person()
        self.compose("mails", "--signoff", env={"GIT_DIR": "/nonexistent"})
        self.assertIn("Signed-off-by: Ann", "".join(self.texts().values()))

    def test_stale_sections_go(self):
        self.compose("mails")
        write(self.mails / "old/0001-x.patch", "x\n")
        self.compose("mails")
        self.assertFalse((self.mails / "old").exists())

    def test_cover_faults(self):
        (self.top / "cover/hyper-v.txt").write_text("One line\ndirectly on\n")
        self.assertIn("cover/hyper-v.txt", self.refused("mails"))
        (self.top / "cover/hyper-v.txt").unlink()
        self.assertIn("cover/hyper-v.txt", self.refused("mails"))
        self.assertFalse(self.mails.exists())

    def test_line_that_starts_a_mail(self):
        self.edit(self.top / "cover/hyper-v.txt", "We run.", "We run.\nFrom here on.")
        self.assertIn("cover/hyper-v.txt: the mail would have the line 'From here on.'",
                      self.refused("mails"))

    def test_one_section(self):
        self.compose("mails")
        first = self.texts()
        self.edit(self.top / "cover/hyper-v.txt", "We run.", "We walk.")
        self.edit(self.top / "cover/shared-memory.txt", "We count.", "We sum.")
        self.assertEqual(self.compose("mails", "--section", "hyper-v"), "out/mails/hyper-v")
        for name, text in self.texts().items():
            self.assertEqual(text != first[name], name.startswith("hyper-v/"), name)
        self.assertIn("no section 'hyperv': the series has shared-memory, hyper-v",
                      self.refused("mails", "--section", "hyperv"))

    def test_long_subjects_are_one_line(self):
        long = "mm: Offer counting, which is a subject that is longer than a line of a mail is"
        self.edit(self.top / "patches/0020-mm-offer-counting.patch", "mm: Offer counting", long)
        self.compose("mails")
        self.assertIn(f"\nSubject: [PATCH 2/2] {long}\n", "".join(self.texts().values()))
        self.compose("am-check")

    def test_prefix_of_the_tree(self):
        self.edit(self.top / "patches/series", "hyper-v.txt)", "hyper-v.txt, prefix: net)")
        self.compose("mails")
        texts = self.texts()
        self.assertIn("Subject: [PATCH net 0/1] hv", texts["hyper-v/0000-cover-letter.patch"])
        self.assertIn("Subject: [PATCH net 1/1] Drivers: hv",
                      texts["hyper-v/0001-Drivers-hv-Run-a-script.patch"])
        self.compose("am-check")


class Threads(Case):
    """Message-IDs, the mbox, what a section stands on, and who gets it."""

    def box(self, section):
        """The mails of an mbox."""
        return list(mailbox.mbox(self.top / f"out/mails/{section}.mbox",
                                 factory=email.message_from_binary_file, create=False))

    def ids(self):
        """{section: Message-IDs}."""
        return {s: [m["Message-ID"] for m in self.box(s)] for s in ("shared-memory", "hyper-v")}

    def test_threads(self):
        self.compose("mails")
        box = self.box("shared-memory")
        self.assertEqual([m["Subject"] for m in box],
                         ["[PATCH 0/2] dma: Counting", "[PATCH 1/2] dma: Count allocations",
                          "[PATCH 2/2] mm: Offer counting"])
        for at, mail in enumerate(box):
            self.assertRegex(mail["Message-ID"],
                             rf"^<linux-shared-memory-0{at}-[0-9a-f]{{12}}@cvm-io\.invalid>$")
            for key in ("In-Reply-To", "References"):
                self.assertEqual(mail[key], box[0]["Message-ID"] if at else None)
        self.assertEqual(len(set(sum(self.ids().values(), []))), 5)

    def test_the_mbox_is_the_folder(self):
        self.compose("mails")
        work = self.tmp / "split"
        work.mkdir()
        git(work, "mailsplit", f"-o{work}", self.top / "out/mails/shared-memory.mbox")
        parts = [p.read_bytes().rstrip(b"\n") for p in sorted(work.iterdir())]
        files = sorted((self.top / "out/mails/shared-memory").iterdir())
        self.assertEqual(parts, [p.read_bytes().rstrip(b"\n") for p in files])

    def test_ids_follow_the_content(self):
        self.compose("mails")
        first = self.ids()
        self.compose("mails")
        self.assertEqual(self.ids(), first)
        self.edit(self.top / "patches/0020-mm-offer-counting.patch", "is due", "was due")
        self.compose("mails")
        second = self.ids()
        same = [a == b for s in first for a, b in zip(first[s], second[s])]
        # The cover of the section, its second patch; and the cover that names this cover.
        self.assertEqual(same, [False, True, False, False, True])

    def test_what_a_section_stands_on(self):
        self.compose("mails")
        tree = git(self.base, "rev-parse", "base^{tree}")
        first, second = (self.box(s)[0].get_payload(decode=True).decode()
                         for s in ("shared-memory", "hyper-v"))
        self.assertTrue(first.endswith(f"\n\nbase: Linux 7, tree {tree}\n"), first)
        self.assertTrue(second.rstrip("\n").endswith(
            'Apply these first, in this order:\n - "dma: Counting"\n\n'
            f"base: Linux 7, tree {tree}\n"
            f"prerequisite-message-id: {self.ids()['shared-memory'][0]}"), second)
        self.edit(self.top / "patches/series", "hyper-v.txt)", "hyper-v.txt, needs: base)")
        self.compose("mails")
        self.assertNotIn("prerequisite", self.box("hyper-v")[0].as_string())
        self.compose("am-check")

    def test_a_section_that_needs_more(self):
        self.edit(self.top / "patches/0110-hv-run-a-script.patch", "diff --git a/drivers/hv/old.c",
                  "diff --git a/mm/Kconfig b/mm/Kconfig\n--- a/mm/Kconfig\n+++ b/mm/Kconfig\n"
                  "@@ -5,4 +5,5 @@ config SWAP\n \tbool\n \n config COUNT\n \tbool\n"
                  "+\tdepends on SWAP\ndiff --git a/drivers/hv/old.c")
        self.compose("mails")
        self.edit(self.top / "patches/series", "hyper-v.txt)", "hyper-v.txt, needs: base)")
        said = self.refused("mails")
        self.assertIn("section 'hyper-v' does not apply on the base alone: "
                      "0110-hv-run-a-script.patch fails", said)
        self.assertIn("mm/Kconfig", said)

    def test_recipients(self):
        self.assertIn("note: no lists of recipients", self.run_compose("mails").stderr)
        script = ("#!/usr/bin/perl\nopen(my $m, '<', 'MAINTAINERS') or die; print <$m>;\n"
                  "for (@ARGV) { next if /^--/; open(my $p, '<', $_) or die; "
                  "while (<$p>) { print \"list\\@x (open list:$1)\\n\" "
                  "if m{^\\+\\+\\+ b/mm/(\\S+)} } }\n")
        shutil.rmtree(self.base)
        make_base(self.base, {**BASE, "scripts/get_maintainer.pl": script,
                              "MAINTAINERS": "Ann <a@x> (maintainer:A (B))\n"
                                             "Bo <b@x> (reviewer:A)\n"})
        self.compose("mails")
        text = (self.top / "out/mails/shared-memory.to-cc").read_text()
        self.assertEqual(text.split("\n")[1:], [
            "To: Ann <a@x>  # maintainer:A (B)", "Cc: Bo <b@x>  # reviewer:A",
            "Cc: list@x  # open list:Kconfig", ""])
        self.assertNotIn("open list:", (self.top / "out/mails/hyper-v.to-cc").read_text())
        self.assertNotIn("a@x", "".join(p.read_text() for p in
                                        (self.top / "out/mails").rglob("*.patch")))
        self.compose("mails", "--no-to-cc")
        self.assertEqual(list((self.top / "out/mails").glob("*.to-cc")), [])


class InMails(Case):
    """{NNNN} in covers and changelogs."""

    def test_references(self):
        self.edit(self.top / "cover/shared-memory.txt", "We count.", "{0010} counts ({0020}).")
        self.edit(self.top / "patches/0110-hv-run-a-script.patch", "the old file goes.",
                  "the old file goes\nafter {0020}.")
        before = self.snapshot()
        self.compose("check")
        self.assertEqual(self.compose("refresh"), "")
        self.compose("mails")
        mails = self.top / "out/mails"
        self.assertIn("\nPatch 1 counts (patch 2).\n",
                      (mails / "shared-memory/0000-cover-letter.patch").read_text())
        self.assertIn('the old file goes after "mm: Offer counting".\n',
                      (mails / "hyper-v/0001-Drivers-hv-Run-a-script.patch").read_text())
        self.compose("am-check")
        tip = self.compose("tree")
        self.assertIn("after {0020}.", git(self.base, "log", "-1", "--format=%B", tip))
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), before)

    def test_unknown(self):
        self.edit(self.top / "cover/shared-memory.txt", "We count.", "See {0011}.")
        self.edit(self.top / "patches/0020-mm-offer-counting.patch", "is due", "is due ({9999})")
        for command in ("check", "mails"):
            self.assertIn("cover/shared-memory.txt: {0011}", self.refused(command))
        self.assertIn("patches/0020-mm-offer-counting.patch: {9999}", self.refused("check"))



class AmCheck(Case):
    """am-check sees when mails and series differ."""

    def test_green(self):
        self.compose("mails", "--stored-author")
        self.assertIn("git am took 3 mail(s)", self.compose("am-check"))

    @unittest.skipUnless(shutil.which("b4"), "b4 is not installed")
    def test_b4(self):
        self.compose("mails")
        self.assertIn("git am and b4 took 3 mail(s)", self.compose("am-check", "--b4", env=self.hostile()))
        box = self.top / "out/mails/shared-memory.mbox"
        whole = box.read_text()
        mark = "From " + "0" * 40
        box.write_text(mark + mark.join(whole.split(mark)[1:3]))
        self.assertIn("section 'shared-memory'", self.refused("am-check", "--b4"))
        box.write_text(whole.replace("Message-ID", "X-Message-ID"))
        self.assertIn("shared-memory", self.refused("am-check", "--b4"))
        box.write_text(whole.replace("+config COUNT", "+config COUNTED"))
        self.assertIn("0020-mm-offer-counting.patch: b4 am gives another tree",
                      self.refused("am-check", "--b4"))
        box.unlink()
        self.assertIn("no out/mails/shared-memory.mbox", self.refused("am-check", "--b4"))

    def test_without_b4(self):
        self.compose("mails")
        os.mkdir(self.tmp / "bin")
        for tool in ("git", "sh"):
            os.symlink(shutil.which(tool), self.tmp / "bin" / tool)
        self.assertIn("b4 is not installed",
                      self.refused("am-check", "--b4", env={"PATH": str(self.tmp / "bin")}))

    def test_another_folder(self):
        folder = self.tmp / "elsewhere"
        self.compose("mails", "--folder", folder)
        self.assertFalse((self.top / "out/mails").exists())
        self.compose("am-check", "--folder", folder)

    def test_red_without_mails(self):
        self.assertIn("compose mails", self.refused("am-check"))

    def mail(self):
        """The mail of the second patch."""
        return self.top / "out/mails/shared-memory/0002-mm-Offer-counting.patch"

    def test_red_when_the_content_differs(self):
        self.compose("mails")
        self.edit(self.mail(), "+config COUNT", "+config COUNTED")
        self.assertIn("0020-mm-offer-counting.patch", self.refused("am-check"))

    def test_red_when_the_changelog_differs(self):
        self.compose("mails")
        self.edit(self.mail(), "An option is due.", "An option was due.")
        self.assertIn("changelog", self.refused("am-check"))

    def test_red_when_it_does_not_apply(self):
        self.compose("mails")
        self.edit(self.mail(), " config SWAP", " config SWOP")
        self.assertIn("git am does not take", self.refused("am-check"))

    def test_red_when_patches_moved_on(self):
        self.compose("mails")
        self.edit(self.top / "kernel/dma/count.c", "int count", "long count")
        self.assertIn("0010-dma", self.refused("am-check"))

    def test_base_repository_is_untouched(self):
        self.compose("mails")
        refs = git(self.base, "for-each-ref")
        self.compose("am-check")
        self.assertEqual(git(self.base, "for-each-ref"), refs)
        self.assertEqual(git(self.base, "worktree", "list").count("\n"), 0)


class OtherProject(Case):
    """The second project: overlay root and patches one folder down."""

    project = "qemu"

    def test_round_trip(self):
        shutil.rmtree(self.top)
        base = {k.replace("kernel/", "hw/"): v for k, v in BASE.items()}
        shutil.rmtree(self.base)
        make_base(self.base, base)
        root = self.top / "qemu"
        write(root / "patches/series", "# section: cvm-emu   (cover: cover/qemu.txt)\n"
                                       "0010-hw-x.patch\n")
        write(root / "patches/0010-hw-x.patch",
              "From: cvm-io <cvm-io@localhost>\nSubject: hw: X\n\nWhy.\n\nAssisted-by: LLM\n---\n"
              "Overlay: scripts/x.py\nOverlay: hw/x.c\n")
        write(root / "hw/x.c", "int x;\n")
        write(root / "scripts/x.py", "x = 1\n")
        write(self.top / "cover/qemu.txt", "hw: X\n\nText.\n")
        write(self.top / ".gitignore", "/out/\n")
        git(self.tmp, "init", "-q", self.top)
        self.compose("refresh")
        self.compose("check")
        before = self.snapshot()
        tip = self.compose("tree")
        self.assertEqual(git(self.out, "show", f"{tip}:hw/x.c"), "int x;")
        self.assertEqual(self.compose("save"), "")
        self.assertEqual(self.snapshot(), before)
        self.compose("mails")
        self.compose("am-check")
        write(root / "hw/unclaimed.c", "x\n")
        self.assertIn("qemu/hw/unclaimed.c is claimed by no patch", self.refused("check"))
        self.assertEqual(git(self.base, "rev-parse", "base", env=quiet_env()),
                         git(self.base, "rev-parse", f"{tip}~1"))


if __name__ == "__main__":
    unittest.main()
