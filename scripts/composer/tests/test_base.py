# SPDX-License-Identifier: GPL-2.0
"""scripts/base: a source becomes a commit, or one line says why not."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from fixture import git, quiet_env, write

SCRIPTS = Path(__file__).resolve().parents[2]


class Base(unittest.TestCase):
    """KSRC= with sources that fit and sources that do not, in one cache."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="compose-test-")
        self.addCleanup(holder.cleanup)
        self.tmp = Path(holder.name).resolve()

    def base(self, source):
        """Run scripts/base on a source; return the finished process."""
        return subprocess.run([SCRIPTS / "base", "linux"], capture_output=True, text=True,
                              env=quiet_env(KSRC=str(source), CACHE=str(self.tmp / "cache")),
                              check=False)

    def test_one_after_the_other(self):
        for name in ("one", "two"):
            write(self.tmp / name / "include/linux/kernel.h", f"/* {name} */\n")
            done = self.base(self.tmp / name)
            self.assertEqual(done.returncode, 0, done.stderr)
            repo, commit = done.stdout.split()
            self.assertEqual(git(repo, "show", f"{commit}:include/linux/kernel.h"),
                             f"/* {name} */")
        write(self.tmp / "other/file", "x\n")
        for _ in range(2):
            done = self.base(self.tmp / "other")
            self.assertEqual(done.returncode, 1)
            self.assertIn("other is not a source tree of linux: it has no include/linux/kernel.h",
                          done.stderr)
        for source, said in ((self.tmp / "none", "does not exist"),
                             (self.tmp / "one/include/linux/kernel.h", "is not a directory or")):
            done = self.base(source)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
