# SPDX-License-Identifier: GPL-2.0
"""Which files the series touches, how, and by which patch.

Invariant: read from patches/ alone; no base repository is needed.
"""

from . import diffs
from .series import load, load_patches


def touched(project):
    """A list of {"path", "kind": "overlay" or "edit", "patch"}, sorted by path."""
    rows = []
    for patch in load_patches(project, load(project)):
        rows += [{"path": p, "kind": "overlay", "patch": patch.name} for p in patch.overlays]
        rows += [{"path": f.path, "kind": "edit", "patch": patch.name}
                 for f in diffs.parse(patch.diff, patch.name)]
    return sorted(rows, key=lambda r: (r["path"], r["patch"]))
