# SPDX-License-Identifier: GPL-2.0
"""Overlay files: where they may be, which exist, and which patch claims each.

Invariant: the mode of an overlay file is 100755 if the owner may execute it,
else 100644; symbolic links are refused.
"""

import os
import stat

from .errors import ComposeError
from .git import Git


def _is_own(project, top):
    if top in project.own or top.startswith(".git") or top == ".ci":
        return True
    return project.name == "linux" and (
        top.startswith("README") or top in ("Makefile", "BASE", "COPYING"))


def why_not(project, path, base_dirs):
    """Why no overlay file can be at this in-tree path, or None."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts or "." in parts:
        return "is not a path inside the tree"
    if any(c in path for c in "\n\t\"\\ "):
        return "has a character that patches quote"
    if not project.base_dirs_only:
        return f"{parts[0]} is this repository's own" if _is_own(project, parts[0]) else None
    if _is_own(project, parts[0]):
        return f"{parts[0]} is this repository's own, so a file there cannot be overlay"
    if len(parts) == 1 or parts[0] not in base_dirs:
        return "is not below a top-level directory of the base"
    return None


def base_dirs(git, base):
    """Names of the directories at the top of the base tree."""
    return set(git.text("ls-tree", "-d", "--name-only", base).split("\n"))


def scan(project, dirs):
    """In-tree paths of every overlay file on disk: tracked, or neither tracked nor ignored."""
    if not project.root.is_dir():
        return []
    tops = [n for n in sorted(os.listdir(project.root))
            if not _is_own(project, n) and (n in dirs or not project.base_dirs_only)]
    if not tops:
        return []
    listed = Git(project.root).text("ls-files", "-z", "--cached", "--others",
                                    "--exclude-standard", "--", *tops)
    paths = sorted({p for p in listed.split("\0") if p})
    return [p for p in paths if os.path.lexists(project.root / p)]


def mode_of(project, path):
    """The git mode of an overlay file; raise ComposeError when it cannot be one."""
    full = project.root / path
    try:
        info = os.lstat(full)
    except (FileNotFoundError, NotADirectoryError) as err:
        raise ComposeError(f"{project.shown(full)} does not exist") from err
    if not stat.S_ISREG(info.st_mode):
        raise ComposeError(f"{project.shown(full)} is not a regular file")
    return "100755" if info.st_mode & stat.S_IXUSR else "100644"


def claims(patches):
    """Which patches claim each path: {path: [patch name, ...]}."""
    result = {}
    for patch in patches:
        for path in patch.overlays:
            result.setdefault(path, []).append(patch.name)
    return result
