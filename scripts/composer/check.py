# SPDX-License-Identifier: GPL-2.0
"""Structural checks: patches, series, overlay files and covers fit together.

Invariant: reports every problem, not only the first; changes nothing. Whether
the patches apply is not asked here (compose does that).
"""

import os

from . import diffs, growth, overlay, patchfile
from .errors import ComposeError
from .series import load, load_patch, number_of

MAX_PER_SECTION = 15


def problems(project, git, base):
    """Every problem as one line; an empty list when all is well."""
    series = load(project)
    found = _numbers(project, series) + _listing(project, series)
    patches = []
    for name in dict.fromkeys(series.names()):
        try:
            patch = load_patch(project, name)
        except ComposeError as err:
            found.append(err.message)
            continue
        patch.name = name
        patches.append(patch)
    record = growth.history([p for p in patches if not _unreadable(p)])
    for patch in patches:
        where = project.shown(project.patch_dir / patch.name)
        found += [f"{where}: {p}" for p in _patch(patch, record)]
    found += growth.problems(record)
    found += _claims(project, patches, record, overlay.base_dirs(git, base))
    for section in series.sections:
        if section.entries and not (project.top / section.cover).is_file():
            found.append(f"{section.cover} does not exist: section '{section.name}' "
                         "needs its cover letter")
    return found


def _numbers(project, series):
    where, found = project.shown(project.series_file), []
    last_number, last_hundred = -1, -1
    for section in series.sections:
        names = section.names()
        if len(names) > MAX_PER_SECTION:
            found.append(f"{where}: section '{section.name}' has {len(names)} patches; "
                         f"a section has at most {MAX_PER_SECTION}")
        hundreds = {number_of(n) // 100 for n in names}
        if len(hundreds) > 1:
            found.append(f"{where}: section '{section.name}' mixes the hundreds "
                         f"{', '.join(f'{h:02d}xx' for h in sorted(hundreds))}: "
                         "the first two digits are the section")
        elif hundreds and min(hundreds) <= last_hundred:
            found.append(f"{where}: section '{section.name}' uses {min(hundreds):02d}xx, "
                         "which an earlier section has passed already")
        last_hundred = max(hundreds | {last_hundred})
        for name in names:
            if number_of(name) <= last_number:
                found.append(f"{where}: {name} is out of order: numbers must increase")
            last_number = max(last_number, number_of(name))
    return found


def _listing(project, series):
    where, names = project.shown(project.series_file), series.names()
    on_disk = sorted(os.listdir(project.patch_dir))
    found = [f"{where}: {n} is listed twice" for n in sorted({n for n in names if names.count(n) > 1})]
    for name in on_disk:
        if name not in names and name not in ("series", "STATUS.md"):
            found.append(f"{project.shown(project.patch_dir / name)} is not listed in series: "
                         "add its line or remove the file")
    return found


def _unreadable(patch):
    """Why the diff cannot be read, or None."""
    try:
        diffs.parse(patch.diff, "diff")
    except ComposeError as err:
        return err.message
    return None


def _patch(patch, record):
    found = []
    if patch.author != patchfile.AUTHOR:
        found.append(f"From: is '{patch.author}': stored patches carry '{patchfile.AUTHOR}'")
    lines = patch.body.split("\n")
    if not any(l.startswith("Assisted-by: ") for l in lines):
        found.append("no 'Assisted-by:' line in the changelog")
    for line in lines:
        if line.lower().startswith("signed-off-by:"):
            found.append("has a Signed-off-by: stored patches have none, 'compose mails' "
                         "adds the submitter's")
        if line.startswith("Overlay: "):
            found.append("'Overlay:' stands in the changelog: move it below the '---' line")
    message = patchfile.message_problem(patch.subject, patch.body)
    if message:
        found.append(message)
    if not patch.diff and not patch.overlays:
        found.append("changes nothing: neither diff nor 'Overlay:'")
    unreadable = _unreadable(patch)
    if unreadable:
        return found + [unreadable]
    for part in diffs.parse(patch.diff, "diff"):
        if part.is_binary:
            found.append(f"{part.path}: binary diff")
        if part.is_new:
            found.append(f"{part.path}: new file inside the patch: make it an overlay file")
        if part.changes_mode and part.path not in record:
            found.append(f"{part.path}: changes the file's mode")
    return found


def _claims(project, patches, record, dirs):
    found, claims = [], overlay.claims(patches)
    for path, names in sorted(claims.items()):
        reason = overlay.why_not(project, path, dirs)
        if reason:
            found.append(f"{names[0]}: Overlay: {path}: {reason}")
            continue
        gone = growth.deleted_by(record[path]) if path in record else None
        found += [f"{names[0]}: Overlay: {path}: {p}" for p in _file(project, path, gone)]
    for path in overlay.scan(project, dirs):
        if path not in claims:
            found.append(f"{project.shown(project.root / path)} is claimed by no patch: add "
                         f"'Overlay: {path}' below the '---' of one patch, or remove the file")
    return found


def _file(project, path, gone):
    if gone:
        there = os.path.lexists(project.root / path)
        return [f"exists, but {gone} deletes it: remove the file, or that diff"] if there else []
    try:
        overlay.mode_of(project, path)
    except ComposeError as err:
        return [err.message]
    data = (project.root / path).read_bytes()
    if b"\0" in data:
        return ["is a binary file"]
    return ["has carriage returns, which mails do not carry"] if b"\r" in data else []
