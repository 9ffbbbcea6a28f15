# SPDX-License-Identifier: GPL-2.0
"""Which files the series touches, how, and by which patch.

Invariant: read from patches/ alone; no base repository is needed.
"""

from . import diffs
from .series import load, load_patches


def touched(project):
    """A list of {"path", "kind", "patch"}, sorted by path, then in the series' order.

    kind is "overlay" where the patch adds the file, "growth" where it changes a
    file that an earlier patch adds, and "edit" where the base has the file.
    """
    rows, added = [], set()
    for patch in load_patches(project, load(project)):
        rows += [{"path": p, "kind": "overlay", "patch": patch.name} for p in patch.overlays]
        rows += [{"path": f.path, "kind": "growth" if f.path in added else "edit",
                  "patch": patch.name} for f in diffs.parse(patch.diff, patch.name)]
        added.update(patch.overlays)
    return sorted(rows, key=lambda r: r["path"])
