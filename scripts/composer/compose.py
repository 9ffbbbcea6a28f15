# SPDX-License-Identifier: GPL-2.0
"""Patches + overlay files -> commits, with git plumbing and no checkout.

Invariants: a commit's parent is the previous patch's commit, the first one's
is the base. A patch applies with every context line matching or not at all.
An added file that grows gets its next version where the one before stands, so
that the tip holds what the checkout holds. Dates are fixed: one minute apart,
not before the base.
"""

import re
from dataclasses import dataclass

from . import diffs, growth, kept
from .apply import apply, explain
from .errors import ComposeError
from .series import number_of

_EPOCH = 1767225600         # 2026-01-01 00:00:00 UTC
_STEP = 60


@dataclass
class Composed:
    """One patch and the commit made of it."""

    patch: object
    commit: str
    parent: str

    def files(self):
        """Every path that the commit touches."""
        edited = [f.path for f in diffs.parse(self.patch.diff, self.patch.name)]
        return sorted(set(edited) | set(self.patch.overlays))


class Conflict(ComposeError):
    """A patch that does not apply; composed holds the ones before it."""

    def __init__(self, patch, parent, composed, places):
        super().__init__(f"{patch.name} does not apply: {places[0]}", places[1:])
        self.patch = patch
        self.parent = parent
        self.composed = composed


class Composer:
    """Builds commits one after the other in one index."""

    def __init__(self, store, project, base):
        self.store = store
        self.project = project
        self.base = base
        self.tip = base
        self.count = 0
        self.done = []
        base_date = int(store.text("log", "-1", "--format=%ct", base))
        self.start = max(_EPOCH, base_date)
        self.versions = growth.versions(store, project)
        store.run("read-tree", base)

    def resume(self, commit, count):
        """Continue on a commit that stands for the first count patches."""
        self.tip, self.count = commit, count
        self.store.run("read-tree", commit)

    def add(self, patch):
        """Compose one patch on the tip; raise Conflict and change nothing if it fails."""
        self._require_new(patch)
        parts = diffs.parse(patch.diff, patch.name)
        wanted = self._grown(patch, parts)
        parts = [p for p in parts if p.path not in wanted]
        if not apply(self.store, parts):
            raise Conflict(patch, self.tip, self.done, explain(self.store, parts))
        growth.place(self.store, {**wanted, **self.first_versions(patch)})
        commit = self.commit_index(patch)
        self.done.append(Composed(patch, commit, self.tip))
        self.tip = commit
        self.count += 1
        return commit

    def commit_index(self, patch, tree=None):
        """The commit of the index (or of a tree) as this patch, on the tip."""
        tree = tree or self.store.text("write-tree")
        return commit_tree(self.store, tree, self.tip, patch,
                           self.start + _STEP * (self.count + 1))

    def _require_new(self, patch):
        if not patch.overlays:
            return
        taken = self.store.text("ls-files", "--", *[f":(literal){p}" for p in patch.overlays])
        if taken:
            raise Conflict(patch, self.tip, self.done, [
                f"{path}: the overlay file exists already in the tree below it: an overlay "
                "file must be new, upstream files are edited by a diff"
                for path in taken.split("\n")])

    def first_versions(self, patch):
        """{path: state} of the files that the patch adds."""
        return {path: self.versions[patch.name, path][1] for path in patch.overlays}

    def _grown(self, patch, parts):
        """{path: state} of the added files that grow from the version we know.

        After a conflict was mended a file may differ: there the diff counts.
        """
        known = {p.path: self.versions[patch.name, p.path] for p in parts
                 if (patch.name, p.path) in self.versions}
        now = growth.states(self.store, known) if known else {}
        return {path: after for path, (before, after) in known.items() if now.get(path) == before}


def commit_tree(store, tree, parent, patch, date):
    """Write the commit object of a patch."""
    name, _, address = patch.author.rpartition(" <")
    env = {
        "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address[:-1],
        "GIT_AUTHOR_DATE": f"{date} +0000",
        "GIT_COMMITTER_NAME": "cvm-io", "GIT_COMMITTER_EMAIL": "cvm-io@localhost",
        "GIT_COMMITTER_DATE": f"{date} +0000",
    }
    return store.text("commit-tree", "--no-gpg-sign", tree, "-p", parent,
                      data=patch.message().encode("utf-8", "surrogateescape"), env=env)


def upto_names(names, upto):
    """The names up to and including number NNNN."""
    if not re.fullmatch(r"\d{1,4}", upto):
        raise ComposeError(f"--upto {upto}: expected the number of a patch, such as 0020")
    for at, name in enumerate(names):
        if number_of(name) == int(upto):
            return names[:at + 1]
    raise ComposeError(f"--upto {upto}: no patch of the series has this number")


def compose(store, project, base, patches):
    """Compose all patches on the base; return the list of Composed."""
    name = kept.key(project, base, patches)
    commits = name and kept.find(store, name, len(patches))
    if commits:
        return [Composed(patch, commit, parent)
                for patch, commit, parent in zip(patches, commits, [base, *commits])]
    composer = Composer(store, project, base)
    for patch in patches:
        composer.add(patch)
    if name:
        kept.keep(store, name, [c.commit for c in composer.done])
    return composer.done
