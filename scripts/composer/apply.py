# SPDX-License-Identifier: GPL-2.0
"""Applying diffs to an index, forwards and backwards.

Invariants: all parts apply, with every context line matching, or the index
stays as it is. The mode of a file changes only by an "old mode" line: the mode
in an "index" line is what it was when the diff was made.
"""

from . import diffs


def apply(store, parts, *flags, env=None):
    """Apply FileDiffs to the index; return whether they apply."""
    return not parts or not _run(store, parts, flags, env)[0]


def explain(store, parts, *flags, env=None):
    """Which files and hunks do not apply to the index, one line each."""
    places = []
    for part in parts:
        code, _, err = _run(store, [part], (*flags, "--check"), env)
        if not code:
            continue
        bad = [h for h in part.hunks if _run(
            store, [diffs.FileDiff(part.path, part.header, [h])], (*flags, "--check"), env)[0]]
        if "does not exist in index" in err or "already exists" in err:
            places.append(f"{part.path}: {err.strip().splitlines()[0].split(': ')[-1]}")
        elif bad:
            places += [f"{part.path}: {h}" for h in bad]
        else:
            places.append(f"{part.path}: {err.strip().splitlines()[0]}")
    return places or ["git apply refuses the diff as a whole; "
                      "no single file is at fault"]


def _run(store, parts, flags, env):
    data = "".join(p.text if p.is_binary else p.text_without_ids for p in parts)
    return store.call("apply", "--cached", *flags, env=env,
                      data=data.encode("utf-8", "surrogateescape"))
