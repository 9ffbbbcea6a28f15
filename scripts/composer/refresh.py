# SPDX-License-Identifier: GPL-2.0
"""Re-emitting patches/ from the composed commits.

Invariant: a refreshed patch composes to the same tree and is a fixed point:
refreshing it again changes nothing.
"""

from . import compose, emit, writing
from .errors import ComposeError
from .patchfile import Patch
from .series import load, load_patches


def normal_form(store, composed):
    """The patch file text of one composed commit, as bytes."""
    old = composed.patch
    for change in emit.changes(store, composed.parent, composed.commit):
        if change.status == "A" and change.path not in old.overlays:
            raise ComposeError(f"{old.name}: {change.path}: new file inside the patch: "
                               "make it an overlay file")
    text = emit.diff(store, composed.parent, composed.commit)
    return Patch(old.name, old.author, old.subject, old.body, old.overlays, text).format()


def refreshed(project, store, base):
    """{path: (bytes, mode)} of every patch file in its normal form."""
    patches = load_patches(project, load(project))
    done = compose.compose(store, project, base, patches)
    return {project.patch_dir / c.patch.name: (normal_form(store, c), "100644") for c in done}


def changed(contents):
    """The paths whose file on disk is not in normal form."""
    return [p for p, (data, _) in contents.items() if p.read_bytes() != data]


def write(project, contents):
    """Bring the files to normal form; return the names that changed."""
    return writing.apply(project, contents)
