# SPDX-License-Identifier: GPL-2.0
"""compose bundle: what others fetch is what is composed."""

import shutil
import subprocess
import unittest

from fixture import BASE, Case, git, make_base, quiet_env, write


class Bundle(Case):
    """Branches, the tag, and fetching them."""

    def setUp(self):
        super().setUp()
        # As scripts/base makes it: fixed author and date, no end of line.
        shutil.rmtree(self.base)
        make_base(self.base, {**BASE, "Makefile": "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n"})
        ours = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "cvm-io"), ("EMAIL", "cvm-io@localhost"),
                                    ("DATE", "@0 +0000"))}
        commit = git(self.base, "commit-tree", "base^{tree}", data="linux base",
                     env=quiet_env(**ours))
        git(self.base, "update-ref", "refs/heads/base", commit)
        git(self.base, "gc", "-q", "--prune=now")
        self.edit(self.top / "patches/series", "hyper-v.txt)", "hyper-v.txt, needs: base)")
        self.file = self.top / "out/cvm-io.bundle"

    def fetch(self):
        """A new repository with the base, that fetches the bundle."""
        new = self.tmp / "new"
        git(self.tmp, "init", "-q", new)
        git(new, "fetch", "-q", self.base, "base:base")
        git(new, "fetch", "-q", self.file, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
        return new

    def test_branches_and_tag(self):
        self.compose("bundle")
        new = self.fetch()
        tip = self.compose("commit")
        self.assertEqual(git(new, "for-each-ref", "--format=%(refname:short)").split("\n"),
                         ["base", "section/hyper-v", "section/shared-memory", "series/7.3",
                          "v7.3.4-cvm1"])
        self.assertEqual(git(new, "rev-parse", "series/7.3", "v7.3.4-cvm1^{commit}"),
                         f"{tip}\n{tip}")
        self.assertEqual(git(new, "rev-parse", "section/shared-memory"),
                         git(self.base, "rev-parse", f"{tip}~1"))
        self.assertEqual(git(new, "log", "--format=%s", "section/hyper-v").split("\n"),
                         ["Drivers: hv: Run a script", "linux base"])
        self.assertEqual(git(new, "ls-tree", "--name-only", "section/hyper-v", "kernel/dma/"),
                         "kernel/dma/Makefile\nkernel/dma/direct.c\nkernel/dma/pool.c")
        self.assertEqual(git(new, "show", "section/hyper-v:tools/hv/run.sh"), "#!/bin/sh\necho run")

    def test_the_same_twice(self):
        self.compose("bundle", env=self.hostile())
        first = git(self.fetch(), "for-each-ref")
        shutil.rmtree(self.tmp / "new")
        self.compose("bundle", "--check")
        self.assertEqual(git(self.fetch(), "for-each-ref"), first)
        self.assertEqual(git(self.base, "tag"), "")

    def test_the_recipe_makes_the_base(self):
        recipe = self.run_compose("bundle").stderr
        self.assertIn(recipe, git(self.fetch(), "cat-file", "tag", "v7.3.4-cvm1")
                      .replace("fetch cvm-io", "fetch out/cvm-io") + "\n" + recipe)
        lines = [l.strip() for l in recipe.split("\n") if l.startswith("    ")]
        work = self.tmp / "work"
        work.mkdir()
        tree = work / "linux-source-7.3"
        git(self.tmp, "clone", "-q", "-b", "base", self.base, tree)
        shutil.rmtree(tree / ".git")
        subprocess.run(["tar", "-cJf", "linux-source-7.3.tar.xz", tree.name], cwd=work, check=True)
        shutil.rmtree(tree)
        script = "set -e\n" + "\n".join(lines).replace("out/cvm-io.bundle", str(self.file))
        done = subprocess.run(["bash", "-c", script], cwd=work, capture_output=True, text=True,
                              check=False, env=quiet_env(HOME=str(self.tmp)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(git(tree, "rev-parse", "base", "series/7.3"),
                         git(self.base, "rev-parse", "base", self.compose("commit")))

    def test_without_the_base(self):
        self.compose("bundle")
        git(self.tmp, "init", "-q", "empty")
        done = subprocess.run(["git", "fetch", self.file, "series/7.3"], cwd=self.tmp / "empty",
                              capture_output=True, text=True, env=quiet_env(), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(git(self.base, "rev-parse", "base"), done.stderr)

    def test_release(self):
        self.compose("bundle", "--release", "12")
        self.assertEqual(git(self.fetch(), "tag"), "v7.3.4-cvm12")
        done = self.run_compose("bundle", "--release", "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("'x' is no number of a release", done.stderr)

    def test_red_when_the_bundle_is_not_the_series(self):
        from composer import bundle, config
        from composer.git import ObjectStore
        from composer.series import load, load_patches
        project = config.project("linux", self.top, self.base, "base")

        def made():
            series = load(project)
            return bundle.Bundle(project, store, git(self.base, "rev-parse", "base"), series,
                                 load_patches(project, series), 1)

        with ObjectStore(project) as store:
            first = made()
            first.make(self.file)
            first.check(self.file)
            self.edit(self.top / "kernel/dma/count.c", "int count", "long count")
            with self.assertRaisesRegex(Exception, "has an old refs/heads/section/shared-memory"):
                made().check(self.file)
            with self.assertRaisesRegex(Exception, "count.c: the branch series/7.3 has another"):
                first.check(self.file)
            data = self.file.read_bytes()
            self.file.write_bytes(data[:-40])
            with self.assertRaisesRegex(Exception, "cannot be fetched on the base"):
                first.check(self.file)

    def test_not_a_kernel(self):
        shutil.rmtree(self.base)
        make_base(self.base, {k: v for k, v in BASE.items() if k != "Makefile"})
        self.assertIn("no Makefile with VERSION", self.refused("bundle"))
        write(self.top / "patches/series", "# section: a\n")
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main()
