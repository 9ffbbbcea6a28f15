# SPDX-License-Identifier: GPL-2.0
"""compose mails and am-check: git am gives the composed trees."""

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
        self.compose("mails", "--no-signoff")
        first = self.texts()
        self.compose("mails", "--no-signoff", env=self.hostile())
        self.assertEqual(self.texts(), first)
        for key, value in (("format.headers", "X-Hostile: yes"), ("diff.noprefix", "true"),
                           ("format.attach", "x"), ("format.subjectPrefix", "HOSTILE")):
            git(self.base, "config", key, value)
        write(self.base / "info/attributes", "* binary\n")
        self.compose("mails", "--no-signoff")
        self.assertEqual(self.texts(), first)
        self.compose("am-check", env=self.hostile())

    def test_no_signoff_without_a_person(self):
        for name, email in (("", ""), ("cvm-io", "any@person.example"), ("Ann", ""),
                            ("Any", "cvm-io@localhost")):
            self.person(name, email)
            done = self.run_compose("mails")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("no Signed-off-by", done.stderr)
            self.assertNotIn("Signed-off-by:", "".join(self.texts().values()))
            self.assertIn("From: cvm-io <cvm-io@localhost>\n",
                          self.texts()["shared-memory/0002-mm-Offer-counting.patch"])

    def test_a_person_signs_off(self):
        before = self.snapshot()
        self.person()
        done = self.run_compose("mails")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        texts = self.texts()
        for name, text in texts.items():
            signed = text.count("Signed-off-by: Ann Ämtlich <ann@person.example>\n")
            self.assertEqual(signed, 0 if "0000-" in name else 1, name)
            self.assertNotIn("cvm-io@localhost", text)
            self.assertIn("From: =?utf-8?q?Ann", text.replace("UTF-8", "utf-8"))
        self.assertIn("Assisted-by: LLM sparse\nSigned-off-by: Ann",
                      texts["shared-memory/0002-mm-Offer-counting.patch"])
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(git(self.am(), "log", "-1", "--format=%an <%ae>"),
                         "Ann Ämtlich <ann@person.example>")
        self.compose("am-check")

    def test_no_signoff_option(self):
        self.person()
        self.assertEqual(self.run_compose("mails", "--no-signoff").stderr, "")
        self.assertNotIn("Ämtlich", "".join(self.texts().values()))
        self.assertNotIn("Signed-off-by:", "".join(self.texts().values()))

    def test_signoff_ignores_a_misleading_git_dir(self):
        self.person()
        self.compose("mails", env={"GIT_DIR": "/nonexistent"})
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


class AmCheck(Case):
    """am-check sees when mails and series differ."""

    def test_green(self):
        self.compose("mails", "--no-signoff")
        self.assertIn("3 mail(s)", self.compose("am-check"))

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
        import shutil
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
