# SPDX-License-Identifier: GPL-2.0
"""Commits that were composed before, found again by all that they depend on.

Composing takes a second of processor time for five patches, and nearly every
target of the Makefile does it. A list of commits is kept in the base repository,
in cvm-io-composed/, under the hash of the base, the patches, the added files
and the composer itself.

Invariant: what is read back is what compose() would make. A list that cannot be
read, or whose commits are gone, counts as none.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from . import overlay
from .series import load, load_patches

_MOST = 100         # lists to keep


def key(project, base, patches):
    """A name for what composing these patches on the base depends on; None if it must fail."""
    digest = hashlib.sha256(base.encode())
    everything = load_patches(project, load(project))

    def add(name, data):
        digest.update(f"{name} {len(data)}\n".encode("utf-8", "surrogateescape") + data)

    for path in sorted(Path(__file__).parent.glob("*.py")):
        add(path.name, path.read_bytes())
    for patch in [*patches, *everything]:
        add(patch.name, patch.format())
    add("order", " ".join(p.name for p in patches).encode())
    for path in sorted(overlay.claims(everything)):
        full = project.root / path
        if not os.path.lexists(full):
            add(path, b"")
            continue
        if full.is_symlink() or not full.is_file():
            return None
        add(f"{path} {overlay.mode_of(project, path)}", full.read_bytes())
    return digest.hexdigest()


def _folder(store):
    return store.source / "cvm-io-composed"


def find(store, name, count):
    """The ids of count commits that were kept under a name, or None."""
    try:
        commits = (_folder(store) / name).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return None
    if len(commits) != count or not count:
        return None
    # The last commit has all others below it.
    return commits if store.ok("cat-file", "-e", f"{commits[-1]}^{{tree}}") else None


def keep(store, name, commits):
    """Keep the ids of commits under a name. It is no error if that fails."""
    folder = _folder(store)
    try:
        folder.mkdir(exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=".new-", dir=folder)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write("".join(f"{c}\n" for c in commits))
        os.replace(path, folder / name)
        kept = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime)
        for old in kept[:-_MOST]:
            old.unlink(missing_ok=True)
    except OSError:
        pass
