# SPDX-License-Identifier: GPL-2.0
"""Making and updating the editing tree from patches/.

Invariant: work in the tree that patches/ does not have is never left behind
without --discard.
"""

from . import compose
from .git import ObjectStore, resolve
from .series import load, load_patches
from .worktree import EditTree, State, source_digest


def make(project, discard=False):
    """Bring the editing tree to the composed series; return the tip."""
    tree = EditTree(project)
    base = resolve(tree.base, project.base_rev)
    patches = load_patches(project, load(project))
    with ObjectStore(project) as store:
        done = compose.compose(store, project, base, patches)
    tip = done[-1].commit if done else base
    force = discard
    if tree.exists():
        state = tree.state()
        if state and state.incomplete:
            force = True
        elif not discard:
            tree.require_saved(also=[tip])
    tree.base.run("update-ref", f"{project.ref_prefix}/commit", tip)
    tree.move_to(tip, State(base=base, saved=tip, source=source_digest(project)), force)
    tree.note_names([(c.commit, c.patch.name) for c in done])
    return tip
