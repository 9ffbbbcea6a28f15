# SPDX-License-Identifier: GPL-2.0
"""Applying the series to another base, with a person's help where it conflicts.

Invariants
  - patches/ is not touched; 'save' writes it when the person is content.
  - At a conflict the editing tree stands on the patches that applied, one
    commit each, with the failing patch applied as far as it goes.
  - --abort gives the tree back as it was, or takes it away if there was none.
"""

import subprocess
from pathlib import Path

from . import diffs, growth
from .compose import Composer, Conflict
from .errors import ComposeError
from .git import Git, ObjectStore, clean_env, resolve
from .series import load, load_patches
from .worktree import EditTree, State, source_digest


def start(project, onto_rev=None, onto_repo=None):
    """Begin on a new base; return the tip or raise at the first conflict."""
    tree = EditTree(project)
    previous = None
    patches = load_patches(project, load(project))
    growth.require_sound(patches)
    if tree.exists():
        tree.require_saved()
        old = tree.state()
        previous = {"head": tree.head(), "base": old.base, "saved": old.saved,
                    "source": old.source}
    base = _import(project, tree, onto_repo, onto_rev) if onto_repo else \
        resolve(tree.base, onto_rev or project.base_rev)
    progress = {"previous": previous, "done": [], "names": [p.name for p in patches],
                "parent": base}
    with ObjectStore(project) as store:
        composer = Composer(store, project, base)
        return _run(project, tree, composer, base, progress)


def _import(project, tree, repo, rev):
    """Bring another repository's tree into ours as a commit without parents."""
    other = Git(Path(repo).absolute())
    if not other.ok("rev-parse", "--git-dir"):
        raise ComposeError(f"{repo} is not a git repository")
    commit = resolve(other, rev or "base")
    files = other.text("rev-parse", f"{commit}^{{tree}}")
    objects = subprocess.Popen(["git", "pack-objects", "-q", "--stdout", "--revs"],
                               cwd=other.directory, env=clean_env(),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    objects.stdin.write(f"{files}\n".encode())
    objects.stdin.close()
    done = subprocess.run(["git", "index-pack", "--stdin", "--fix-thin"], check=False,
                          cwd=tree.base.directory, env=clean_env(),
                          stdin=objects.stdout, capture_output=True)
    objects.stdout.close()
    if objects.wait() or done.returncode:
        raise ComposeError(f"could not copy the tree of {rev or 'base'} from {repo}")
    date = other.text("log", "-1", "--format=%ct", commit)
    base = tree.base.text("commit-tree", "--no-gpg-sign", files,
                          data=f"{project.name} base\n".encode(),
                          env={"GIT_AUTHOR_DATE": f"{date} +0000",
                               "GIT_COMMITTER_DATE": f"{date} +0000"})
    tree.base.run("update-ref", f"{project.ref_prefix}/onto", base)
    return base


def _run(project, tree, composer, base, progress):
    patches = {p.name: p for p in load_patches(project, load(project))}
    names = progress["names"]
    while names:
        try:
            commit = composer.add(patches[names[0]])
        except Conflict as conflict:
            progress["parent"] = composer.tip
            _stop(project, tree, composer, base, progress, conflict)
        progress["done"].append([commit, names.pop(0)])
    state = State(base=base, saved=None, source=source_digest(project))
    tree.move_to(composer.tip, state)
    tree.note_names(progress["done"])
    return composer.tip


def _stop(project, tree, composer, base, progress, conflict):
    """Leave the tree for repair and raise."""
    state = State(base=base, source=source_digest(project), rebase=progress)
    tree.move_to(composer.tip, state)
    tree.note_names(progress["done"])
    notes = _apply_partly(project, tree, composer, conflict.patch)
    raise ComposeError(conflict.message, conflict.details + notes + [
        f"{tree.shown} holds the patches before it as commits, and of this one what applies.",
        f"Mend the files there, 'git add' them and remove *.rej (no commit needed), then run "
        f"'{_command(project)} --continue'; or '{_command(project)} --abort'."])


def _command(project):
    option = "" if project.name == "linux" else f"--project {project.name} "
    return f"scripts/compose {option}rebase"


def _apply_partly(project, tree, composer, patch):
    """Apply file by file: clean, else three-way, else with rejects; say which."""
    notes = []
    for part in diffs.parse(patch.diff, patch.name):
        data = part.text.encode("utf-8", "surrogateescape")
        if tree.git.ok("apply", "--index", data=data):
            continue
        if tree.git.ok("cat-file", "-e", f"HEAD:{part.path}"):
            tree.git.call("apply", "--3way", data=data)
            if tree.git.text("ls-files", "-u", "--", f":(literal){part.path}"):
                notes.append(f"{part.path}: merged three-way, with conflict markers")
                continue
            if not tree.git.ok("diff", "--quiet", "HEAD", "--", f":(literal){part.path}"):
                continue
            tree.git.call("apply", "--reject", data=data)
            notes.append(f"{part.path}: hunks that do not apply are in {part.path}.rej")
        else:
            full = project.out / (part.path + ".rej")
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(data)
            notes.append(f"{part.path}: is not in this base; its diff is in {part.path}.rej")
    if patch.overlays:
        growth.place(tree.git, composer.first_versions(patch))
        tree.git.run("checkout-index", "-f", "--", *sorted(patch.overlays))
    return notes


def proceed(project):
    """Commit the mended patch and go on."""
    tree, state = _under_way(project)
    progress = state.rebase
    patches = {p.name: p for p in load_patches(project, load(project))}
    missing = [n for n in progress["names"] if n not in patches]
    if missing:
        raise ComposeError(f"{missing[0]} left the series since the rebase began: "
                           f"'{_command(project)} --abort', then start again")
    patch = patches[progress["names"][0]]
    with ObjectStore(project) as store:
        composer = Composer(store, project, state.base)
        count = len(progress["done"])
        composer.resume(progress["parent"], count)
        commit = _mended(tree, composer, patch, progress["parent"])
        if commit:
            progress["done"].append([commit, patch.name])
            composer.resume(commit, count + 1)
            # A second interruption must not commit this patch twice.
            progress["parent"] = commit
            tree.git.run("reset", "-q", "--hard", commit)
        progress["names"].pop(0)
        tree.set_state(state)
        return _run(project, tree, composer, state.base, progress)


def _mended(tree, composer, patch, parent):
    """The commit of the repaired patch; None when nothing of it is left."""
    head = tree.head()
    if head != parent:
        tree.require_idle()
        if tree.git.text("rev-parse", f"{head}^") != parent:
            raise ComposeError(f"HEAD of {tree.shown} is not one commit on {parent[:12]}: "
                               f"{patch.name} is one patch, make it one commit")
        return head
    _require_mended(tree, patch)
    tree.git.run("add", "-u")
    untracked = tree.git.text("ls-files", "--others", "--exclude-standard").split("\n")
    if untracked[0]:
        raise ComposeError(f"{tree.shown} has the untracked file {untracked[0]}: "
                           "'git add' it if it belongs to the patch, else remove it")
    files = tree.git.text("write-tree")
    if files == tree.git.text("rev-parse", f"{parent}^{{tree}}"):
        return None
    return composer.commit_index(patch, files)


def _require_mended(tree, patch):
    for part in diffs.parse(patch.diff, patch.name):
        full = tree.project.out / part.path
        if full.with_name(full.name + ".rej").exists():
            raise ComposeError(f"{part.path}.rej is still there in {tree.shown}: put its hunks "
                               "into the file by hand, then remove it")
        if full.is_file() and any(l.startswith((b"<<<<<<< ", b">>>>>>> "))
                                  for l in full.read_bytes().split(b"\n")):
            raise ComposeError(f"{part.path} in {tree.shown} still has conflict markers: "
                               "resolve them first")


def abort(project):
    """Give the editing tree back as it was before the rebase."""
    tree, state = _under_way(project)
    progress = state.rebase
    patch = next((p for p in load_patches(project, load(project))
                  if p.name in progress["names"][:1]), None)
    for part in diffs.parse(patch.diff, patch.name) if patch else []:
        (project.out / (part.path + ".rej")).unlink(missing_ok=True)
    previous = progress["previous"]
    if previous is None:
        tree.remove()
        return
    head = previous.pop("head")
    tree.move_to(head, State(**previous), force=True)


def _under_way(project):
    tree = EditTree(project)
    state = tree.state() if tree.exists() else None
    if state is None or not state.rebase:
        raise ComposeError("no rebase is under way: start one with "
                           f"'{_command(project)} --base-rev REV'")
    return tree, state
