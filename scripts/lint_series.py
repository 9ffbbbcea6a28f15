# SPDX-License-Identifier: GPL-2.0
"""What the checks of lint share: the composed series, source trees, results."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import lint_cache

TOP = Path(__file__).resolve().parent.parent
# checkpatch.pl calls Python scripts that need Debian's modules, and nobody's
# configuration of git may change a mail.
ENV = {**os.environ, "PATH": "/usr/bin:/bin:" + os.environ["PATH"],
       "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
JOBS = os.environ.get("JOBS") or str(os.cpu_count())


def output(*argv, **kwargs):
    """Run a command that must succeed and return its stdout."""
    return subprocess.run([str(a) for a in argv], check=True, text=True, errors="replace",
                          stdout=subprocess.PIPE, **kwargs).stdout


class Series:
    """The composed patches of a project, each with its commit and files."""

    def __init__(self, project):
        self.project = project
        self.repo, self.base = output(TOP / "scripts/base", project).split()
        self.patches = []
        listing = lint_cache.Cache("compose")
        name = self._key()
        kept = name and listing.get(name)
        if not kept or not self._exists(kept):
            kept = self._compose()
            if name:
                listing.put(name, kept)
        for line in kept.splitlines():
            patch, commit, files = line.split("\t")
            self.patches.append((patch, commit, files.split()))
        self.tip = self.patches[-1][1] if self.patches else self.base
        self.base_tree = self.git("rev-parse", self.base + "^{tree}").strip()

    def git(self, *args):
        """git in the base repository."""
        return output("git", "-C", self.repo, *args, env=ENV)

    def _compose(self):
        return output(TOP / "scripts/compose", "--project", self.project,
                      "--base-repo", self.repo, "--base-rev", self.base,
                      "commit", "--list")

    def _key(self):
        """What the commits depend on: patches, added files, the composer."""
        root = TOP if self.project == "linux" else TOP / self.project
        patches = sorted((root / "patches").iterdir())
        parts = [self.repo, self.base]
        try:
            added = [root / line[9:].strip() for patch in patches
                     for line in patch.read_text(errors="replace").split("\n")
                     if line.startswith("Overlay: ")]
            for path in patches + added + sorted((TOP / "scripts/composer").glob("*.py")):
                parts += [str(path.relative_to(TOP)), path.stat().st_mode & 0o100,
                          path.read_bytes()]
        except OSError:
            return None         # the composer says what is wrong
        return lint_cache.key(*parts)

    def _exists(self, listing):
        """Are the commits still in the repository?"""
        tip = listing.splitlines()[-1].split("\t")[1]
        return not subprocess.run(["git", "-C", self.repo, "cat-file", "-e", tip],
                                  check=False, capture_output=True).returncode

    def files(self, *suffixes):
        """Every touched file with one of the suffixes, once, in order."""
        seen = dict.fromkeys(f for _, _, files in self.patches for f in files)
        return [f for f in seen if f.endswith(suffixes)]

    def blobs(self, rev, paths):
        """{path: blob id} of those paths that a revision has."""
        found = {}
        for line in self.git("ls-tree", "-r", rev, "--", *paths).splitlines():
            info, path = line.split("\t")
            found[path] = info.split()[2]
        return found

    def mails(self):
        """The patches as git format-patch writes them, without what is not
        theirs: a commit id and a date change with any patch before them."""
        text = self.git("-c", "diff.noprefix=false", "format-patch", "--stdout",
                        "--no-renames", "--no-numbered", "--zero-commit", "--full-index",
                        "--no-signature", f"{self.base}..{self.tip}")
        mails = re.split(r"(?m)^(?=From 0{40} )", text)[1:]
        if len(mails) != len(self.patches):
            sys.exit(f"lint: error: {len(self.patches)} patches gave {len(mails)} mails: has a "
                     "changelog a line that starts with 'From 0000'?")
        return [re.sub(r"(?m)^Date: .*\n", "Date: Thu, 1 Jan 2026 00:00:00 +0000\n", mail,
                       count=1) for mail in mails]

    def sizes(self):
        """{commit: {file: changed lines}}"""
        sizes, files = {}, {}
        for line in self.git("log", "--numstat", "--no-renames", "--format=commit %H",
                             f"{self.base}..{self.tip}").splitlines():
            if line.startswith("commit "):
                files = sizes.setdefault(line[7:], {})
            elif line:
                added, removed, path = line.split("\t")
                files[path] = sum(int(n) for n in (added, removed) if n != "-")
        return sizes


def result(writer, ok, name, findings=()):
    """A result, and before it what was found, when something was."""
    findings = [] if ok else list(findings)
    for line in findings[:20]:
        writer.note(line)
    if len(findings) > 20:
        writer.note(f"and {len(findings) - 20} more")
    writer.result(ok, name)


def once(make):
    """A function that calls make() once, when it is first called."""
    made, lock = [], threading.Lock()

    def get():
        with lock:
            if not made:
                made.append(make())
            return made[0]
    return get


def kernel_tree(kernel):
    """A source tree with build-lint configured."""
    return Path(output(TOP / "scripts/kernel-build", "--prepare",
                       kernel, "lint").strip())
