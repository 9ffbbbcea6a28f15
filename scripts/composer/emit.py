# SPDX-License-Identifier: GPL-2.0
"""A commit -> the diff and the overlay files of its patch.

Invariant: files that the commit adds become overlay. Everything else becomes
diff text, also changes of a file that an earlier commit adds; its form depends
on nothing but the two trees (fixed options, ObjectStore).
"""

from dataclasses import dataclass

_DIFF = ("diff-tree", "-r", "-p", "--no-commit-id", "--no-renames",
         "--no-ext-diff", "--no-textconv", "--no-color", "--abbrev=12", "-U3",
         "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic",
         "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short",
         "--diff-filter=a")


@dataclass
class Change:
    """One file of a commit, as git's raw diff shows it."""

    status: str         # A, M, D or T
    old_mode: str
    new_mode: str
    blob: str           # id of the new content
    path: str


def changes(store, parent, commit):
    """Every file that differs between parent and commit."""
    raw = store.text("diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-commit-id",
                     "--no-renames", parent, commit)
    fields = raw.split("\0")[:-1]
    result = []
    for head, path in zip(fields[::2], fields[1::2]):
        old_mode, new_mode, _, blob, status = head[1:].split(" ")
        result.append(Change(status[0], old_mode, new_mode, blob, path))
    return result


def diff(store, parent, commit):
    """The diff text of a commit, without the files it adds."""
    out = store.run(*_DIFF, parent, commit)
    return out.decode("utf-8", "surrogateescape")
