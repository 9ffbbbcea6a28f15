# SPDX-License-Identifier: GPL-2.0
"""The series as a git bundle that others fetch.

    series/7.3          all patches
    section/NAME        a section on what it needs, and no more
    v7.3.4-cvm1         the tag of a release

The bundle has no history: its prerequisite is the base commit. Anybody makes
that commit from the source package, as its author and date are fixed.

Invariants: commits, tag and branch names depend on the base, the patches and
the release number alone. check() fetches into a repository that has the base
and nothing else.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

from . import compose, patchfile
from .chains import Chains
from .errors import ComposeError
from .git import Git

_RECIPE = """\
The base commit {base} is not in the bundle. Make it
from the source package that it stands for ({source}):

    tar -xf linux-source-*.tar.xz && cd linux-source-*/
    git init -q && git add -A -f . && tree=$(git write-tree)
    export GIT_AUTHOR_NAME=cvm-io GIT_AUTHOR_EMAIL=cvm-io@localhost
    export GIT_COMMITTER_NAME=cvm-io GIT_COMMITTER_EMAIL=cvm-io@localhost
    export GIT_AUTHOR_DATE='@0 +0000' GIT_COMMITTER_DATE='@0 +0000'
    git branch base $(printf 'linux base' | git commit-tree $tree)

Then fetch:

    git fetch {file} 'refs/heads/*:refs/heads/*' 'refs/tags/*:refs/tags/*'

Debian's source differs a little from the tag v{version} of kernel.org. For that
tag, fetch it as well and move a branch: git rebase --onto v{version} base {branch}
"""


class Bundle:
    """What a bundle holds, and how it is made and checked."""

    def __init__(self, project, store, base, series, patches, release):
        self.project = project
        self.store = store
        self.base = base
        self.version = _version(store, base)
        self.composed = compose.compose(store, project, base, patches)
        if not self.composed:
            raise ComposeError("the series has no patches: there is nothing to bundle")
        self.branch = "series/" + ".".join(self.version.split(".")[:2])
        self.tag = f"v{self.version}-cvm{release}"
        self.heads = {self.branch: self.composed[-1].commit}
        chains = Chains(store, base, series, self.composed)
        for section in series.sections:
            if section.entries:
                links = chains.links(section)
                self.heads[f"section/{section.name}"] = chains.commits(links)[-1]

    def recipe(self, file):
        """How others make the base and fetch."""
        return _RECIPE.format(base=self.base, source=_source(self.project), file=file,
                              version=self.version, branch=self.branch)

    def make(self, file):
        """Write the bundle to a file."""
        for branch, commit in self.heads.items():
            self.store.run("update-ref", f"refs/heads/{branch}", commit)
        self.store.run("update-ref", f"refs/tags/{self.tag}", self._make_tag(file.name))
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, new = tempfile.mkstemp(prefix=".compose-", dir=file.parent)
        os.close(descriptor)
        try:
            self.store.run("bundle", "create", "--quiet", "--version=2", new, f"^{self.base}",
                           *[f"refs/heads/{b}" for b in self.heads], f"refs/tags/{self.tag}")
            os.chmod(new, 0o644)
            os.rename(new, file)
        finally:
            Path(new).unlink(missing_ok=True)

    def _make_tag(self, name):
        tip = self.heads[self.branch]
        date = self.store.text("log", "-1", "--format=%ct", tip)
        text = (f"object {tip}\ntype commit\ntag {self.tag}\n"
                f"tagger {patchfile.AUTHOR} {date} +0000\n\n"
                f"The series on Linux {self.version}\n\n{self.recipe(name)}")
        return self.store.text("hash-object", "-t", "tag", "-w", "--stdin", data=text.encode())

    def check(self, file):
        """Fetch the bundle into a repository that has only the base; compare."""
        if not file.is_file():
            raise ComposeError(f"no {self.project.shown(file)}: run 'compose bundle' first")
        tmp = Path(tempfile.mkdtemp(prefix="compose-bundle-"))
        try:
            git = self._stranger(tmp)
            code, _, err = git.call("fetch", "-q", file, "refs/heads/*:refs/heads/*",
                                    "refs/tags/*:refs/tags/*")
            if code:
                lines = err.strip().split("\n")
                raise ComposeError(f"{self.project.shown(file)} cannot be fetched on the base: "
                                   f"{lines[0]}", lines[1:6])
            self._compare(git, file)
            self._compare_files(git, tmp / "tree")
        finally:
            shutil.rmtree(tmp, ignore_errors=True)

    def _stranger(self, tmp):
        """A repository with the base commit, its files and no other object."""
        (tmp / "tree").mkdir()
        git = Git(tmp / "tree")
        git.run("init", "-q", ".")
        alternates = tmp / "tree/.git/objects/info/alternates"
        # Links take no time; a copy of all that the base reaches takes minutes.
        if self._base_packs(tmp / "base-objects/pack"):
            alternates.write_text(f"{tmp}/base-objects\n")
        if not git.ok("rev-list", "--objects", "--quiet", self.base):
            alternates.unlink(missing_ok=True)
            git.run("fetch", "-q", "--depth=1", self.store.source.as_uri(), self.base)
        git.run("update-ref", "refs/heads/base", self.base)
        for commit in set(self.heads.values()):
            if git.ok("cat-file", "-e", commit):
                raise ComposeError("the check of the bundle is void: the base's objects are "
                                   "packed together with the series")
        return git

    def _base_packs(self, folder):
        """Hard links to the packs that hold the base without the series, if there are such."""
        folder.mkdir(parents=True)
        source = self.store.source / "objects/pack"
        for index in sorted(source.glob("*.idx")):
            held = self.store.text("show-index", data=index.read_bytes())
            ids = {line.split(" ")[1] for line in held.split("\n") if line}
            if self.base in ids:
                if ids & {c.commit for c in self.composed}:
                    return False
                for suffix in (".idx", ".pack"):
                    part = index.with_suffix(suffix)
                    try:
                        os.link(part, folder / part.name)
                    except OSError:
                        os.symlink(part, folder / part.name)
                return True
        return False

    def _compare(self, git, file):
        listed = git.text("for-each-ref", "--format=%(refname) %(objectname)",
                          "refs/heads", "refs/tags")
        found = dict(line.split(" ") for line in listed.split("\n"))
        found.pop("refs/heads/base")
        wanted = {f"refs/heads/{b}": c for b, c in self.heads.items()}
        wanted[f"refs/tags/{self.tag}"] = self._make_tag(file.name)
        for ref in sorted(wanted.keys() | found.keys()):
            if wanted.get(ref) != found.get(ref):
                what = "has no" if ref not in found else \
                    "has an unknown" if ref not in wanted else "has an old"
                raise ComposeError(f"{self.project.shown(file)} {what} {ref}: "
                                   "run 'compose bundle' again")

    def _compare_files(self, git, tree):
        """Check out what the series touches; the added files are those of the checkout."""
        files = sorted({f for c in self.composed for f in c.files()})
        lines = git.run("ls-tree", "-r", "-z", "--full-tree", self.branch, "--", *files)
        git.run("update-index", "-z", "--index-info", data=lines)
        git.run("checkout-index", "-q", "-a", "-f")
        for composed in self.composed:
            for path in composed.patch.overlays:
                if (tree / path).read_bytes() != (self.project.root / path).read_bytes():
                    raise ComposeError(f"{path}: the branch {self.branch} has another content "
                                       "than the file")


def _version(store, base):
    code, out, _ = store.call("show", f"{base}:Makefile")
    fields = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) *= *(\d+)$",
                             "" if code else out.decode(errors="replace"), re.M))
    if "VERSION" not in fields or "PATCHLEVEL" not in fields:
        raise ComposeError("the base has no Makefile with VERSION and PATCHLEVEL: a bundle is "
                           "made of a kernel only")
    return ".".join(fields[k] for k in ("VERSION", "PATCHLEVEL", "SUBLEVEL") if k in fields)


def _source(project):
    """The package that BASE names, for a person to download."""
    try:
        for line in (project.top / "BASE").read_text(encoding="utf-8").split("\n"):
            fields = line.split()
            if fields[:1] == [project.name] and len(fields) >= 4:
                return f"{fields[1]} {fields[2]} of Debian's {fields[3]}"
    except FileNotFoundError:
        pass
    return "the kernel's source tarball"
