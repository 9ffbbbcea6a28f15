# SPDX-License-Identifier: GPL-2.0
"""The commits of the editing tree -> patches/, series and overlay files.

Invariants: everything is computed and verified before the first file is
written; what cannot be represented is refused by commit and file; the
editing tree itself is only read.
"""

import re
from dataclasses import dataclass

from . import emit, numbering, overlay, patchfile, writing
from .errors import ComposeError
from .git import Git, ObjectStore
from .patchfile import Patch
from .series import NAME, Entry, load, load_patches, number_of
from .worktree import NOTES, EditTree, source_digest


@dataclass
class Commit:
    """One commit of the editing tree."""

    id: str
    parent: str
    subject: str
    body: str
    was: list           # patch names that it had, from its notes
    name: str           # the name that the person asked for, or None

    def __str__(self):
        return f"{self.id[:12]} (\"{self.subject}\")"


def save(project, force=False):
    """Write patches/ and overlay files; return (names of changed files, pairs)."""
    tree = EditTree(project)
    tree.require()
    state = tree.state()
    if state.rebase:
        raise ComposeError(f"a rebase is under way in {tree.shown}: 'compose rebase --continue' "
                           "or 'compose rebase --abort' first")
    tree.require_idle()
    if source_digest(project) != state.source and not force:
        raise ComposeError(
            f"patches/ or overlay files changed since {tree.shown} was made: set those changes "
            "aside and save, or overwrite them with 'compose save --force'")
    series = load(project)
    old = load_patches(project, series)
    with ObjectStore(project) as store:
        commits = read_commits(tree, state.base)
        dirs = overlay.base_dirs(store, state.base)
        names = name_commits(commits, old, series)
        patches, files = split(store, project, commits, names, dirs)
        contents = {project.root / p: (store.run("cat-file", "blob", blob), mode)
                    for p, (mode, blob) in files.items()}
    require_text(project, contents)
    require_free(project, patches, old, contents)
    for patch in patches:
        contents[project.patch_dir / patch.name] = (patch.format(), "100644")
    list_names(series, old, names)
    contents[project.series_file] = (series.format(), "100644")
    gone = [project.root / p for p in overlay.claims(old) if p not in files]
    gone += [project.patch_dir / p.name for p in old if p.name not in names]
    changed = writing.apply(project, contents, gone)
    pairs = [(c.id, n) for c, n in zip(commits, names)]
    state.saved, state.source = tree.head(), source_digest(project)
    tree.set_state(state)
    tree.note_names(pairs)
    return changed


def read_commits(tree, base):
    """The commits base..HEAD, oldest first; a line without merges or refuse."""
    if not tree.git.ok("merge-base", "--is-ancestor", base, "HEAD"):
        raise ComposeError(f"HEAD of {tree.shown} does not stand on the base {base[:12]}: "
                           f"put it there with 'git rebase --onto {base[:12]}'")
    merges = tree.git.text("rev-list", "--min-parents=2", f"{base}..HEAD")
    if merges:
        raise ComposeError(f"{merges[:12]} in {tree.shown} is a merge: a series is a line, "
                           f"'git rebase {base[:12]}' makes it one")
    commits = []
    for entry in tree.git.text("rev-list", "--reverse", "--parents", f"{base}..HEAD").split("\n"):
        if entry:
            commits.append(_commit(tree.git, *entry.split()))
    return commits


def _commit(git, commit, parent):
    text = git.text("log", "-1", "--format=%B", "--no-show-signature", commit)
    try:
        subject, body = patchfile.split_message(text)
    except ComposeError as err:
        raise ComposeError(f"commit {commit[:12]}: {err.message}") from err
    code, note, _ = git.call("notes", f"--ref={NOTES}", "show", commit)
    lines = note.decode(errors="replace").split("\n") if not code else []
    was = [l[5:].strip() for l in lines if l.startswith("was: ")]
    asked = [l[6:].strip() for l in lines if l.startswith("name: ")]
    this = Commit(commit, parent, subject, body, was, asked[-1] if asked else None)
    problem = _message_problem(this)
    if problem:
        raise ComposeError(f"commit {this}: {problem}")
    return this


def _message_problem(commit):
    if not commit.subject:
        return "has no subject"
    if re.match(r"(fixup|squash|amend)! ", commit.subject):
        return "is a fixup: fold it in with 'git rebase -i --autosquash'"
    for line in commit.body.split("\n"):
        if line.lower().startswith("signed-off-by:"):
            return ("has a Signed-off-by: take it out (git commit --amend); stored patches have "
                    "none, 'compose mails' adds the submitter's")
        if line.startswith("Overlay:"):
            return "has an 'Overlay:' line: take it out, added files are overlay by themselves"
    if commit.name and not NAME.match(commit.name):
        return f"its note asks for the name '{commit.name}': use NNNN-area-slug.patch"
    return patchfile.message_problem(commit.subject, commit.body)


def name_commits(commits, old, series):
    """The patch file name of each commit: by note, then by subject, then new."""
    free = {p.name: p for p in old}
    wanted = [None] * len(commits)
    for at, commit in enumerate(commits):
        wanted[at] = next((n for n in commit.was if free.pop(n, None)), None)
    for at, commit in enumerate(commits):
        if wanted[at] is None:
            wanted[at] = next((n for n, p in free.items() if p.subject == commit.subject), None)
            free.pop(wanted[at], None)
    for at, commit in enumerate(commits):
        # A name that the series does not list any more is still the best one.
        lost = next((n for n in commit.was if NAME.match(n) and n not in wanted), None)
        wanted[at] = commit.name or wanted[at] or lost
    first = next((i for i, s in _hundreds(series).items() if s is series.sections[0]), 0) \
        if series.sections else 0
    names = numbering.assign(wanted, [c.subject for c in commits], first)
    for commit, name in zip(commits, names):
        if commit.name and commit.name != name:
            raise ComposeError(f"commit {commit}: its note asks for {commit.name}, which is "
                               "out of order at its place: choose a number between its "
                               "neighbours', or move the commit")
    return names


def _hundreds(series):
    """{hundreds digit: section}; an empty section follows the one before it."""
    result, last = {}, -1
    for section in series.sections:
        names = section.names()
        last = number_of(names[0]) // 100 if names else last + 1
        result.setdefault(last, section)
    return result


def list_names(series, old, names):
    """Put the names into the series' sections; comments stay with their patch."""
    sections = _hundreds(series)
    comments = {e.name: e.comments for s in series.sections for e in s.entries}
    subjects = {p.name[5:]: p.name for p in old}
    for section in series.sections:
        section.entries = []
    for name in names:
        section = sections.get(number_of(name) // 100)
        if section is None:
            raise ComposeError(f"{name}: the series has no section for {name[:2]}xx: add its "
                               "'# section:' line to patches/series, then save --force")
        before = name if name in comments else subjects.get(name[5:])
        section.entries.append(Entry(name, comments.get(before, [])))


def split(store, project, commits, names, dirs):
    """Cut each commit into its patch and the files that it adds.

    Return (patches, {path: (mode, blob)}): the added files in their final form.
    """
    known = {p.name: p for p in load_patches(project, load(project))}
    owner, files, patches = {}, {}, []
    for commit, name in zip(commits, names):
        all_changes = emit.changes(store, commit.parent, commit.id)
        if not all_changes:
            raise ComposeError(f"commit {commit} changes nothing: drop it, or give it content")
        added = sorted(c.path for c in all_changes if c.status == "A")
        for change in all_changes:
            problem = _change_problem(project, change, owner, dirs)
            if problem:
                raise ComposeError(f"commit {commit}: {change.path}: {problem}")
            if change.status == "D":
                files.pop(change.path, None)
            elif change.path in owner or change.status == "A":
                files[change.path] = (change.new_mode, change.blob)
        owner.update(dict.fromkeys(added, commit))
        text = emit.diff(store, commit.parent, commit.id)
        if "\nGIT binary patch\n" in text or "\nBinary files " in text:
            raise ComposeError(f"commit {commit}: has a binary diff: patches are text")
        author = known[name].author if name in known else patchfile.AUTHOR
        patches.append(Patch(name, author, commit.subject, commit.body, added, text))
    return patches, files


def _change_problem(project, change, owner, dirs):
    if change.status == "D":
        return None
    if change.new_mode not in ("100644", "100755"):
        return "is not a regular file"
    if change.status == "A":
        if change.path in owner:
            return (f"is added again, after {owner[change.path]} added it and a later commit "
                    "deleted it: let that commit keep the file, or name this one differently")
        reason = overlay.why_not(project, change.path, dirs)
        return f"is added, but {reason}" if reason else None
    if change.old_mode != change.new_mode and change.path not in owner:
        return "changes its mode: the series does that only to files that it adds"
    return None


def require_text(project, contents):
    """Refuse overlay files that mails cannot carry."""
    for path, (data, _) in contents.items():
        if b"\0" in data:
            raise ComposeError(f"{project.shown(path)} is binary: overlay files are text")


def require_free(project, patches, old, contents):
    """Refuse to overwrite a file that is not ours, or to add one that git ignores."""
    claimed = overlay.claims(old)
    new = [p for p in overlay.claims(patches) if p not in claimed]
    for path in new:
        full = project.root / path
        if full.exists() and full.read_bytes() != contents.get(full, [None])[0]:
            raise ComposeError(f"{project.shown(full)} exists, differs and no patch claims it: "
                               "move it away, then save again")
    if new:
        code, out, _ = Git(project.root).call("check-ignore", "--no-index", "-z", "--stdin",
                                              data="\0".join(new).encode() + b"\0")
        if not code:
            path = out.decode().split("\0")[0]
            raise ComposeError(f"{path} would be ignored by this repository's .gitignore: "
                               "name the file differently, or mend .gitignore")
