# SPDX-License-Identifier: GPL-2.0
"""Added files that grow: their content after each patch that touches them.

One patch adds a file, later ones carry their diff of it, and the checkout
holds its final form. So the versions are found backwards: the final form, with
the diff of the last patch taken out, then that of the one before, and so on.

Invariant: the version after the last patch is the file in the checkout, byte
for byte, or there is none when that patch deletes it.
"""

import os

from . import diffs, overlay
from .apply import apply, explain
from .errors import ComposeError
from .series import load, load_patches


def history(patches):
    """{path: [(patch name, its FileDiff, or None where it adds the file), ...]}."""
    added = {path for patch in patches for path in patch.overlays}
    result = {}
    for patch in patches:
        for path in patch.overlays:
            result.setdefault(path, []).append((patch.name, None))
        for part in diffs.parse(patch.diff, patch.name):
            if part.path in added:
                result.setdefault(part.path, []).append((patch.name, part))
    return result


def grown(events):
    """The events of one path after the patch that adds it."""
    return events[[part for _, part in events].index(None) + 1:]


def deleted_by(events):
    """The patch after which there is no such file any longer, or None."""
    name, part = events[-1]
    return name if part and part.is_deleted else None


def problems(record):
    """What is wrong with a history, one line each."""
    return [f"{path} {what}" for path, events in sorted(record.items()) for what in _wrong(events)]


def _wrong(events):
    adds = [name for name, part in events if part is None]
    if len(adds) > 1:
        return [f"is claimed by {' and '.join(adds)}: one patch adds a file, later ones carry "
                "their diff of it"]
    found, later = [], grown(events)
    before = events[:len(events) - len(later) - 1]
    # A file of the base may be deleted, and another put in its place.
    if before and not before[-1][1].is_deleted:
        found.append(f"is edited by {before[-1][0]}, but only {adds[0]}, later, adds it: move "
                     "the 'Overlay:' line to the first patch that has the file")
    gone = None
    for name, part in later:
        if name == adds[0]:
            found.append(f"is claimed by {name} and is edited by its diff as well: the checkout "
                         "holds the content, remove the diff")
        elif gone:
            found.append(f"is edited by {name}, but {gone} deletes it before")
        elif part.is_new:
            found.append(f"is a new file in {name}, but {adds[0]} adds it already")
        elif part.is_binary:
            found.append(f"has a binary diff in {name}")
        gone = name if part.is_deleted else gone
    return found


def require_sound(patches):
    """Return the history of the patches; refuse one that makes no sense."""
    record = history(patches)
    for problem in problems(record):
        raise ComposeError(problem)
    return record


def versions(store, project):
    """Every state of every added file: {(patch name, path): (before, after)}.

    A state is "mode blob", or None where there is no file. All patches of the
    project take part, whichever of them the caller means to compose.
    """
    patches = load_patches(project, load(project))
    record = require_sound(patches)
    env = {"GIT_INDEX_FILE": str(store.tmp / "grown")}
    store.run("read-tree", "--empty", env=env)
    place(store, _final(store, project, record), env)
    now, result = states(store, env=env), {}
    for patch in reversed(patches):
        parts = [part for path, events in record.items()
                 for name, part in grown(events) if name == patch.name]
        after = now
        if parts:
            _take_out(store, patch, parts, now, env)
            now = states(store, env=env)
        for part in parts:
            result[patch.name, part.path] = (now.get(part.path), after.get(part.path))
        for path in patch.overlays:
            result[patch.name, path] = (None, now[path])
    return result


def _final(store, project, record):
    """The state of each added file in the checkout."""
    modes = {}
    for path, events in record.items():
        name = deleted_by(events)
        if not name:
            modes[path] = overlay.mode_of(project, path)
        elif os.path.lexists(project.root / path):
            raise ComposeError(f"{project.shown(project.root / path)} exists, but {name} deletes "
                               "it: remove the file, or that diff")
    names = "".join(f"{project.root / path}\n" for path in modes)
    blobs = store.text("hash-object", "-w", "--no-filters", "--stdin-paths",
                       data=os.fsencode(names)).split("\n")
    return {path: f"{mode} {blob}" for (path, mode), blob in zip(modes.items(), blobs)}


def _take_out(store, patch, parts, now, env):
    for part in parts:
        mode = now.get(part.path, "")[:6]
        if part.changes_mode and mode != part.new_mode:
            _unfit(patch, [f"{part.path}: its mode is {mode}, and the diff makes it "
                           f"{part.new_mode}"])
    if not apply(store, parts, "-R", env=env):
        _unfit(patch, explain(store, parts, "-R", env=env))


def _unfit(patch, places):
    raise ComposeError(
        f"{patch.name} does not fit the added file: {places[0]}", places[1:] + [
            "The checkout holds this file in its final form, and the diff cannot be taken out "
            "of it.",
            "Was the file edited? Undo that, make the edit in the editing tree ('compose tree'), "
            "then 'compose save'.",
            "Was the patch edited? Undo that, or mend its diff."])


def states(store, paths=(), env=None):
    """{path: "mode blob"} of an index; of the given paths, or of all."""
    raw = store.text("ls-files", "-s", "-z", "--", *[f":(literal){p}" for p in paths], env=env)
    rows = [row.split("\t", 1) for row in raw.split("\0") if row]
    return {path: entry.rsplit(" ", 1)[0] for entry, path in rows}


def place(store, wanted, env=None):
    """Put {path: state} into an index."""
    if wanted:
        lines = [f"{state or '0 ' + '0' * 40}\t{path}\n" for path, state in sorted(wanted.items())]
        store.run("update-index", "--index-info", data="".join(lines).encode(), env=env)
