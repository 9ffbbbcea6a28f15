# SPDX-License-Identifier: GPL-2.0
"""A tiny fake base and a checkout with a series, and ways to run the composer.

Invariants: every test has its own copy below one temporary folder; commands
run as processes, as a person runs them; the tests' own git calls (git() and
edit()) never see the configuration of whoever runs the tests.
"""

import atexit
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


def _compiled():
    """A copy of the composer with its bytecode, as it runs some 500 times."""
    scripts = Path(__file__).resolve().parents[2]
    holder = tempfile.TemporaryDirectory(prefix="compose-test-")
    atexit.register(holder.cleanup)
    copy = Path(holder.name)
    shutil.copy(scripts / "compose", copy)
    shutil.copytree(scripts / "composer", copy / "composer",
                    ignore=shutil.ignore_patterns("tests", "test", "__pycache__"))
    compileall.compile_dir(copy / "composer", quiet=1)
    return copy / "compose"


COMPOSE = _compiled()

POOL = "".join(f"int pool_{i:02d};\n" for i in range(1, 41))

BASE = {
    "kernel/dma/pool.c": POOL,
    "kernel/dma/Makefile": "obj-y += pool.o\nobj-y += direct.o\n",
    "kernel/dma/direct.c": "int direct;\nint other;\nint third;\n",
    "mm/Kconfig": "config MM\n\tbool\n\nconfig SWAP\n\tbool\n",
    "drivers/hv/hv.c": "int hv_init;\nint hv_exit;\n",
    "drivers/hv/old.c": "int old;\n",
    "include/linux/types.h": "typedef int u32;\n",
    "tools/Makefile": "all:\n",
    "scripts/tool.sh": "#!/bin/sh\necho base\n",
    "Makefile": "VERSION = 7\n",
    ".gitattributes": "*.c diff=cpp\n",
    ".gitignore": "*.o\n",
}

PATCHES = {
    "0010-dma-count-allocations.patch": """\
From: cvm-io <cvm-io@localhost>
Subject: dma: Count allocations

Nobody knows how many there are. Count them, naïvely.

Assisted-by: LLM
---
Overlay: kernel/dma/count.c
Overlay: include/linux/count.h

diff --git a/kernel/dma/Makefile b/kernel/dma/Makefile
--- a/kernel/dma/Makefile
+++ b/kernel/dma/Makefile
@@ -1,2 +1,3 @@
 obj-y += pool.o
+obj-y += count.o
 obj-y += direct.o
diff --git a/kernel/dma/pool.c b/kernel/dma/pool.c
--- a/kernel/dma/pool.c
+++ b/kernel/dma/pool.c
@@ -2,5 +2,6 @@
 int pool_02;
 int pool_03;
+int counted;
 int pool_04;
 int pool_05;
 int pool_06;
@@ -30,6 +31,6 @@ int pool_29;
 int pool_30;
 int pool_31;
 int pool_32;
-int pool_33;
+long pool_33;
 int pool_34;
 int pool_35;
""",
    "0020-mm-offer-counting.patch": """\
From: cvm-io <cvm-io@localhost>
Subject: mm: Offer counting

An option is due.

Assisted-by: LLM sparse
---

diff --git a/mm/Kconfig b/mm/Kconfig
--- a/mm/Kconfig
+++ b/mm/Kconfig
@@ -3,3 +3,6 @@

 config SWAP
 \tbool
+
+config COUNT
+\tbool
""".replace("@@\n\n config", "@@\n \n config"),
    "0110-hv-run-a-script.patch": """\
From: cvm-io <cvm-io@localhost>
Subject: Drivers: hv: Run a script

The script is executable, the old file goes.

Assisted-by: LLM
---
Overlay: tools/hv/run.sh

diff --git a/drivers/hv/hv.c b/drivers/hv/hv.c
--- a/drivers/hv/hv.c
+++ b/drivers/hv/hv.c
@@ -1,2 +1,3 @@
 int hv_init;
+int hv_run;
 int hv_exit;
diff --git a/drivers/hv/old.c b/drivers/hv/old.c
deleted file mode 100644
--- a/drivers/hv/old.c
+++ /dev/null
@@ -1 +0,0 @@
-int old;
""",
}

SERIES = """\
# The series of the tests.
# section: shared-memory   (cover: cover/shared-memory.txt)
0010-dma-count-allocations.patch
# above the option
0020-mm-offer-counting.patch

# section: hyper-v   (cover: cover/hyper-v.txt)
0110-hv-run-a-script.patch
"""

OVERLAYS = {
    "kernel/dma/count.c": "/* counts */\nint count;\n",
    "include/linux/count.h": "extern int count;\n",
    "tools/hv/run.sh": "#!/bin/sh\necho run\n",
}

COVERS = {
    "shared-memory": "dma: Counting\n\nWe count.\n\nAnd naïvely.\n",
    "hyper-v": "Subject: hv: Scripts\n\nWe run.\n",
}

# Settings that would change every diff, mail and commit if they took part.
HOSTILE = """\
[user]
	name = Någon Annan
	email = someone@else.example
[core]
	autocrlf = true
	abbrev = 40
	quotePath = true
	hooksPath = /nonexistent
[commit]
	gpgSign = true
	template = /nonexistent
[diff]
	noprefix = true
	mnemonicPrefix = true
	context = 9
	algorithm = patience
	renames = copies
	external = false
	orderFile = /nonexistent
[apply]
	whitespace = error-all
[i18n]
	commitEncoding = ISO-8859-1
	logOutputEncoding = ISO-8859-1
[format]
	signature = hostile
	headers = X-Hostile: yes
	to = list@else.example
	attach = true
	thread = deep
	subjectPrefix = HOSTILE
	signOff = true
	from = Hostile <h@else.example>
	numbered = false
	coverLetter = false
	useAutoBase = true
	noprefix = true
	suffix = .hostile
	pretty = raw
	notes = true
[am]
	threeWay = true
[color]
	ui = always
"""


def write(path, text, mode=0o644):
    """Write a text file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def quiet_env(**extra):
    """An environment without the caller's git settings."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update({"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_AUTHOR_NAME": "A Person", "GIT_AUTHOR_EMAIL": "a@person.example",
                "GIT_COMMITTER_NAME": "A Person", "GIT_COMMITTER_EMAIL": "a@person.example",
                "GIT_EDITOR": "true", "LC_ALL": "C"})
    env.update(extra)
    return env


def git(where, *args, data=None, env=None, check=True):
    """Run git as the tests' person; return stdout as text."""
    done = subprocess.run(["git", *map(str, args)], cwd=where, input=data, check=False,
                          capture_output=True, text=True, encoding="utf-8",
                          env=env or quiet_env())
    if check and done.returncode:
        raise AssertionError(f"git {args}: {done.stderr}")
    return done.stdout.rstrip("\n")


def make_base(path, files, name="base"):
    """A bare repository whose branch holds one commit of the files."""
    work = Path(str(path) + ".work")
    for file, text in files.items():
        write(work / file, text, 0o755 if file.endswith(".sh") else 0o644)
    git(work, "init", "-q", "-b", name)
    git(work, "add", "-A", "-f")
    dates = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    git(work, "commit", "-q", "-m", "base", env=quiet_env(**dates))
    git(work.parent, "clone", "-q", "--bare", work, path)
    shutil.rmtree(work)


def make_checkout(top, prefix=""):
    """A checkout of a repository like this one, with the series of the tests."""
    root = top / prefix
    for name, text in PATCHES.items():
        write(root / "patches" / name, text)
    write(root / "patches/series", SERIES)
    for path, text in OVERLAYS.items():
        write(root / path, text, 0o755 if path.endswith(".sh") else 0o644)
    for name, text in COVERS.items():
        write(top / f"cover/{name}.txt", text)
    write(top / ".gitignore", "/out/\n*.ignored\n")
    write(top / "scripts/ours.txt", "ours\n")
    write(top / "README.md", "ours\n")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "start")


class Case(unittest.TestCase):
    """A test with its own base repository, checkout and folder."""

    project = "linux"
    _template = None

    @classmethod
    def template(cls):
        """Made once per run: patches in normal form."""
        if Case._template is None:
            Case._holder = tempfile.TemporaryDirectory(prefix="compose-test-")
            where = Path(Case._holder.name)
            make_base(where / "base.git", BASE)
            make_checkout(where / "top")
            done = subprocess.run(
                [sys.executable, COMPOSE, "--root", where / "top", "--base-repo",
                 where / "base.git", "refresh"], capture_output=True, text=True, check=False)
            if done.returncode:
                raise AssertionError(f"the fixture does not compose: {done.stderr}")
            git(where / "top", "commit", "-q", "-a", "-m", "normal form")
            Case._template = where
        return Case._template

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="compose-test-")
        self.addCleanup(holder.cleanup)
        self.tmp = Path(holder.name).resolve()
        for part in ("base.git", "top"):
            shutil.copytree(self.template() / part, self.tmp / part, symlinks=True)
        self.top = self.tmp / "top"
        self.base = self.tmp / "base.git"
        self.out = self.top / "out" / self.project
        self.env = {}

    def run_compose(self, *args, env=None, top=None, base=None):
        """Run the composer; return the finished process."""
        command = [sys.executable, COMPOSE, "--project", self.project,
                   "--root", top or self.top, "--base-repo", base or self.base, *args]
        return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                              encoding="utf-8", cwd="/", check=False,
                              env=quiet_env(**{**self.env, **(env or {})}))

    def forget(self):
        """Have everything composed anew."""
        shutil.rmtree(self.base / "cvm-io-composed", ignore_errors=True)

    def compose(self, *args, **kw):
        """Run it, expect success, return stdout without the last newline."""
        done = self.run_compose(*args, **kw)
        self.assertEqual(done.returncode, 0, f"{args}: {done.stderr}")
        return done.stdout.rstrip("\n")

    def refused(self, *args, **kw):
        """Run it, expect one clear refusal, return stderr."""
        done = self.run_compose(*args, **kw)
        self.assertEqual(done.returncode, 1, f"{args} was not refused: {done.stdout}")
        self.assertNotIn("Traceback", done.stderr)
        lines = done.stderr.split("\n")
        while re.match("compose: (?!error: )", lines[0]):
            lines.pop(0)            # progress and notes
        self.assertTrue(lines[0].startswith("compose: error: "), done.stderr)
        return "\n".join(lines)

    def hostile(self):
        """Environment of a person whose git is set up to get in the way."""
        write(self.tmp / "hostile.config", HOSTILE)
        write(self.tmp / "xdg/git/attributes", "* -text -diff binary\n")
        write(self.tmp / "xdg/git/ignore", "*\n")
        return {"GIT_CONFIG_GLOBAL": str(self.tmp / "hostile.config"),
                "XDG_CONFIG_HOME": str(self.tmp / "xdg"),
                "GIT_DIR": "/nonexistent", "GIT_INDEX_FILE": "/nonexistent",
                "GIT_WORK_TREE": "/nonexistent", "GIT_AUTHOR_DATE": "1 +0000",
                "GIT_AUTHOR_NAME": "Wrong", "GIT_COMMITTER_NAME": "Wrong",
                "GIT_COMMITTER_DATE": "2 +0000", "GIT_EXTERNAL_DIFF": "false",
                "GIT_DIFF_OPTS": "-u9", "GIT_EDITOR": "false", "TZ": "Asia/Tokyo",
                "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "diff.context",
                "GIT_CONFIG_VALUE_0": "7"}

    def snapshot(self):
        """Bytes and mode of every file of the checkout that git does not ignore."""
        listed = git(self.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths = [self.top / p for p in sorted(set(listed.split("\0"))) if p]
        return {str(p.relative_to(self.top)): (p.read_bytes(), p.stat().st_mode)
                for p in paths if p.exists()}

    def edit(self, path, old, new):
        """Replace text in a file of the checkout or the editing tree."""
        text = path.read_text(encoding="utf-8")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def patches(self):
        """The names of the patch files on disk."""
        return sorted(p.name for p in (self.top / "patches").glob("*.patch"))

    def commit_in_tree(self, message, **files):
        """Commit files (path with __ for / and _DOT_ for .) in the editing tree."""
        for key, text in files.items():
            path = self.out / key.replace("__", "/").replace("_DOT_", ".")
            write(path, text, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        git(self.out, "add", "-A")
        git(self.out, "commit", "-q", "-m", message)
        return git(self.out, "rev-parse", "HEAD")
