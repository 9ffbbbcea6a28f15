# SPDX-License-Identifier: GPL-2.0
"""Proof that the written mails, taken by git am, give the composed series.

Invariant: the mails on disk are what is applied, on the base, in a repository
of its own with a sparse working tree; the base repository is only read.
"""

import shutil
import tempfile
from pathlib import Path

from . import compose
from .errors import ComposeError
from .git import Git, ObjectStore
from .series import load, load_patches


def run(project, base):
    """Apply the mails; return the number of mails, or raise ComposeError."""
    series = load(project)
    patches = load_patches(project, series)
    with ObjectStore(project) as store:
        done = compose.compose(store, project, base, patches)
        tree = Path(tempfile.mkdtemp(prefix="compose-am-"))
        try:
            git = _sparse(store, tree, base, {f for c in done for f in c.files()})
            mails = _mails(project, series)
            _apply(git, mails, project)
            _compare(git, base, done)
        finally:
            shutil.rmtree(tree, ignore_errors=True)
    return len(mails)


def _mails(project, series):
    mails = []
    for section in series.sections:
        if not section.entries:
            continue
        found = sorted((project.mails / section.name).glob("*.patch"))
        if len(found) != len(section.entries) + 1:
            raise ComposeError(
                f"{project.shown(project.mails / section.name)} holds {len(found)} mails for "
                f"{len(section.entries)} patches and a cover: run 'compose mails' first")
        mails += found[1:]
    return mails


def _sparse(store, tree, base, files):
    git = Git(tree)
    git.run("init", "-q", ".")
    (tree / ".git/objects/info/alternates").write_text(f"{store.source / 'objects'}\n")
    if (store.source / "shallow").exists():
        shutil.copy(store.source / "shallow", tree / ".git/shallow")
    (tree / ".git/info/sparse-checkout").write_text("".join(f"/{f}\n" for f in sorted(files)))
    git.run("config", "core.sparseCheckout", "true")
    git.run("update-ref", "HEAD", base)
    git.run("read-tree", "-m", "-u", base)
    return git


def _apply(git, mails, project):
    if not mails:
        return
    code, out, err = git.call("am", "-q", "--no-3way", "--no-gpg-sign", "--keep-cr", *mails)
    if code:
        lines = (out.decode(errors="replace") + err).strip().split("\n")
        raise ComposeError(f"git am does not take the mails in {project.shown(project.mails)}: "
                           f"{lines[0]}", lines[1:8])


def _compare(git, base, done):
    made = git.text("rev-list", "--reverse", f"{base}..HEAD").split()
    if len(made) != len(done):
        raise ComposeError(f"git am made {len(made)} commits of {len(done)} patches: "
                           "run 'compose mails' again")
    for commit, one in zip(made, done):
        for what, rev in (("tree", "^{tree}"), ("parent's tree", "^^{tree}")):
            if git.text("rev-parse", commit + rev) != git.text("rev-parse", one.commit + rev):
                raise ComposeError(f"{one.patch.name}: git am gives another {what} than "
                                   "'compose commit': run 'compose mails' again")
        message = git.text("log", "-1", "--format=%B", commit).strip("\n")
        if _unsigned(message) != _unsigned(one.patch.message().strip("\n")):
            raise ComposeError(f"{one.patch.name}: git am gives another changelog than the patch "
                               "file's: run 'compose mails' again; if it stays, the changelog "
                               "has lines that mails cannot carry")


def _unsigned(message):
    lines = [l for l in message.split("\n") if not l.startswith("Signed-off-by: ")]
    return "\n".join(lines).strip("\n")
