# SPDX-License-Identifier: GPL-2.0
"""Changing many files of the checkout as one step.

Invariant: new content is on disk, complete, before the first file of the
checkout changes; then files are replaced by rename with signals held back, so
an interrupt leaves either the old files or the new ones.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from pathlib import Path

from .errors import ComposeError
from .git import ENDING


@contextlib.contextmanager
def lock(project):
    """Only one command at a time changes a project's files."""
    project.out.parent.mkdir(parents=True, exist_ok=True)
    path = project.out.parent / f".compose-{project.name}.lock"
    with open(path, "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ComposeError("another compose command is at work in this checkout: "
                               "wait for it to end") from err
        yield


def _differs(path, data, mode):
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return True
    if bool(info.st_mode & 0o100) != (mode == "100755"):
        return True
    return Path(path).read_bytes() != data


def apply(project, contents, deletions=()):
    """Write {path: (bytes, git mode)} and delete paths; return what changed, sorted.

    Files that already have the wanted content keep their time stamps. Folders
    that a deletion leaves empty go too.
    """
    changed = {p: c for p, c in contents.items() if _differs(p, *c)}
    gone = [p for p in deletions if os.path.lexists(p)]
    if not changed and not gone:
        return []
    project.out.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".compose-", dir=project.out.parent))
    try:
        staged = {}
        for number, (path, (data, mode)) in enumerate(changed.items()):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            staged[path] = stage / str(number)
            with open(staged[path], "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            os.chmod(staged[path], 0o755 if mode == "100755" else 0o644)
            if os.stat(stage).st_dev != os.stat(Path(path).parent).st_dev:
                raise ComposeError(f"{project.shown(stage.parent)} and {project.shown(path)} "
                                   "are on different file systems: choose another --out")
        _replace(project, staged, gone)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return sorted(project.shown(p) for p in [*changed, *gone])


def _replace(project, staged, gone):
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        for path, temporary in staged.items():
            os.replace(temporary, path)
        for path in gone:
            os.unlink(path)
            _prune(Path(path).parent, project.root)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _prune(folder, stop):
    while folder != stop and stop in folder.parents and not os.listdir(folder):
        folder.rmdir()
        folder = folder.parent
