# SPDX-License-Identifier: GPL-2.0
"""Proof that receivers of the written mails get the composed series.

git am takes each section's folder on what the section needs, and all folders
one after the other on the base; b4, if asked, takes each section's mbox, too.

Invariants: the mails on disk are what is applied, with no fuzz and no merge, in
a repository of its own. That repository has the files that the series touches
and no others; every tree is compared in these. The base repository is only
read. b4 has no network, no cache and no configuration of a person.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import compose, mails
from .chains import Chains
from .errors import ComposeError
from .git import Git, ObjectStore, clean_env
from .references import References
from .series import load, load_patches

_AM = ("am", "-q", "--no-3way", "--no-gpg-sign", "--keep-cr")
_NOWHERE = "http://127.0.0.1:9/%s"
_B4_CONFIG = f"""\
[user]
	name = cvm-io
	email = cvm-io@localhost
[b4]
	attestation-policy = off
	midmask = {_NOWHERE}
	linkmask = {_NOWHERE}
	searchmask = {_NOWHERE}
	shazam-am-flags = --no-3way --no-gpg-sign --keep-cr
[core]
	hooksPath = /dev/null
[i18n]
	commitEncoding = UTF-8
[gc]
	auto = 0
"""


def run(project, base, folder, with_b4=False):
    """Apply the mails; return the number of mails, or raise ComposeError."""
    series = load(project)
    patches = load_patches(project, series)
    with ObjectStore(project) as store:
        composed = compose.compose(store, project, base, patches)
        tmp = Path(tempfile.mkdtemp(prefix="compose-am-"))
        try:
            receiver = _Receiver(project, store, base, series, composed, folder, tmp)
            sections = [s for s in series.sections if s.entries]
            for section in sections:
                receiver.am(section)
                if with_b4:
                    receiver.b4(section)
            receiver.am_all(sections)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    return len(patches)


class _Receiver:
    """A repository that takes mails, and knows what must come out."""

    def __init__(self, project, store, base, series, composed, folder, tmp):
        self.project = project
        self.folder = folder
        self.known = References(series, [c.patch for c in composed])
        self.chains = Chains(store, base, series, composed)
        self.tmp = tmp
        (tmp / "tree").mkdir()
        self.git = Git(tmp / "tree")
        self.git.run("init", "-q", ".")
        alternates = tmp / "tree/.git/objects/info/alternates"
        alternates.write_text(f"{store.source / 'objects'}\n")
        self.files = sorted({f for c in composed for f in c.files()})
        self.cut = {}           # tree: the same with self.files only

    def am(self, section):
        """git am takes the folder of a section."""
        links, at = self._start(section)
        self._git_am(section, self._patches(section))
        self._compare(section, links[at:], "git am")

    def am_all(self, sections):
        """git am takes all folders, in the order of the series, on the base."""
        self._reset(self.chains.root)
        trees = []
        below = self.chains.root
        for section in sections:
            self._git_am(section, self._patches(section))
            for name in section.names():
                below = self.chains.known[below, name]
                trees.append((name, below))
        made = self._made()
        for commit, (name, tree) in zip(made, trees):
            self._same_tree(commit, name, tree, "git am of all sections")

    def b4(self, section):
        """b4 am and b4 shazam take the mbox of a section."""
        box = self.folder / f"{section.name}.mbox"
        if not box.is_file():
            raise ComposeError(f"no {self.project.shown(box)}: run 'compose mails' first")
        out = self.tmp / "b4"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        self._b4(section, "am", "-m", box, "-o", out)
        found = sorted(out.glob("*.mbx"))
        if len(found) != 1 or not list(out.glob("*.cover")):
            raise ComposeError(f"b4 am finds no series with a cover in {self.project.shown(box)}: "
                               "run 'compose mails' again")
        for how in ("am", "shazam"):
            links, at = self._start(section)
            if how == "am":
                self._git_am(section, found)
            else:
                self._b4(section, "shazam", "-m", box)
            self._compare(section, links[at:], f"b4 {how}")

    def _start(self, section):
        links = self.chains.links(section)
        at = len(links) - len(section.entries)
        self._reset(links[at].below)
        return links, at

    def _patches(self, section):
        found = sorted((self.folder / section.name).glob("*.patch"))
        if len(found) != len(section.entries) + 1:
            raise ComposeError(
                f"{self.project.shown(self.folder / section.name)} holds {len(found)} mails for "
                f"{len(section.entries)} patches and a cover: run 'compose mails' first")
        return found[1:]

    def _reset(self, tree):
        """Begin with one commit of a tree on the branch."""
        self.git.call("am", "--abort")
        start = self.git.text("commit-tree", self._cut(tree), "-m", "start")
        self.git.run("update-ref", "refs/heads/taken", start)
        self.git.run("checkout", "-q", "-f", "taken")
        self.git.run("clean", "-q", "-f", "-d", "-x")
        self.start = start

    def _cut(self, tree):
        if tree not in self.cut:
            listed = self.git.run("ls-tree", "-r", "-z", "--full-tree", tree, "--", *self.files)
            env = {"GIT_INDEX_FILE": str(self.tmp / "index")}
            (self.tmp / "index").unlink(missing_ok=True)
            self.git.run("update-index", "-z", "--index-info", data=listed, env=env)
            self.cut[tree] = self.git.text("write-tree", env=env)
        return self.cut[tree]

    def _made(self):
        return self.git.text("rev-list", "--reverse", f"{self.start}..HEAD").split()

    def _git_am(self, section, files):
        code, out, err = self.git.call(*_AM, *files)
        if code:
            lines = (out.decode(errors="replace") + err).strip().split("\n")
            raise ComposeError("git am does not take the mails of section "
                               f"'{section.name}': {lines[0]}", lines[1:8])

    def _b4(self, section, *arguments):
        """Run b4 in the repository, in a home of its own."""
        home = self.tmp / "home"
        home.mkdir(exist_ok=True)
        (home / ".gitconfig").write_text(_B4_CONFIG)
        env = {k: v for k, v in clean_env().items()
               if not k.startswith(("XDG_", "PYTHON")) and not k.lower().endswith("_proxy")}
        env.update({"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")})
        try:
            done = subprocess.run(["b4", "--offline-mode", "--no-stdin", *map(str, arguments)],
                                  cwd=self.git.directory, env=env, capture_output=True, text=True,
                                  encoding="utf-8", errors="replace", check=False,
                                  stdin=subprocess.DEVNULL, timeout=600)
        except FileNotFoundError as err:
            raise ComposeError("b4 is not installed: run 'make deps'") from err
        lines = (done.stdout + done.stderr).strip().split("\n")
        if done.returncode:
            raise ComposeError(f"b4 {arguments[0]} does not take section '{section.name}'",
                               lines[-12:])
        total = re.search(r"^Total patches: (\d+)", done.stdout + done.stderr, re.M)
        if not total or int(total[1]) != len(section.entries):
            raise ComposeError(f"b4 {arguments[0]} finds {total[1] if total else 'no'} patches in "
                               f"section '{section.name}', which has {len(section.entries)}",
                               lines[-12:])

    def _compare(self, section, links, how):
        made = self._made()
        if len(made) != len(links):
            raise ComposeError(f"{how} made {len(made)} commits of the {len(links)} patches of "
                               f"section '{section.name}': run 'compose mails' again")
        for commit, link in zip(made, links):
            self._same_tree(commit, link.patch.name, link.tree, how)
            wanted = mails.resolved(self.project, self.known, link.patch, section).message()
            message = self.git.text("log", "-1", "--format=%B", commit).strip("\n")
            if _unsigned(message) != _unsigned(wanted.strip("\n")):
                raise ComposeError(f"{link.patch.name}: {how} gives another changelog than the "
                                   "patch file's: run 'compose mails' again; if it stays, the "
                                   "changelog has lines that mails cannot carry",
                                   _differ(_unsigned(message), _unsigned(wanted.strip("\n"))))

    def _same_tree(self, commit, name, tree, how):
        if self.git.text("rev-parse", f"{commit}^{{tree}}") != self._cut(tree):
            raise ComposeError(f"{name}: {how} gives another tree than 'compose commit': "
                               "run 'compose mails' again")


def _unsigned(message):
    lines = [l for l in message.split("\n") if not l.startswith("Signed-off-by: ")]
    return "\n".join(lines).strip("\n")


def _differ(made, wanted):
    """The first line that differs."""
    pairs = zip(made.split("\n") + [""], wanted.split("\n") + [""])
    first = next((p for p in pairs if p[0] != p[1]), ("", ""))
    return [f"taken:  {first[0]}", f"wanted: {first[1]}"]
