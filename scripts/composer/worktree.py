# SPDX-License-Identifier: GPL-2.0
"""The editing tree (out/linux): a git worktree of the base repository.

Invariants
  - State.saved is a commit whose content is in patches/ and the overlay
    files. HEAD equal to it means that nothing in the tree is unsaved.
  - State.source is the digest of patches/ and the overlay files that the tree
    was made of or saved to; another digest means that both sides moved.
  - Nothing here moves HEAD of a tree that has unsaved work, unless told to;
    even then the old HEAD stays reachable from <ref prefix>/previous.
"""

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import overlay
from .errors import ComposeError
from .git import Git, base_git
from .series import load, load_patches

NOTES = "refs/notes/composer"


@dataclass
class State:
    """What the composer knows about the tree; kept in the worktree's git directory."""

    base: str
    saved: str = None
    source: str = None
    incomplete: bool = False    # its creation was cut short
    rebase: dict = field(default=None)


def source_digest(project):
    """A digest of the series, its patches and the overlay files they claim."""
    digest = hashlib.sha256(project.series_file.read_bytes())
    for patch in load_patches(project, load(project)):
        digest.update(b"\0" + patch.name.encode() + b"\0")
        digest.update((project.patch_dir / patch.name).read_bytes())
        for path in patch.overlays:
            full = project.root / path
            # A later patch may delete it.
            there = os.path.lexists(full)
            mode = overlay.mode_of(project, path) if there else "none"
            digest.update(f"\0{mode} {path}\0".encode())
            digest.update(full.read_bytes() if there else b"")
    return digest.hexdigest()


class EditTree:
    """The worktree at project.out; it may not exist yet."""

    def __init__(self, project):
        self.project = project
        self.base = base_git(project)
        self.git = Git(project.out)

    @property
    def shown(self):
        """The tree's path for messages."""
        return self.project.shown(self.project.out)

    def exists(self):
        """Whether the tree is there; refuse anything else at its place."""
        out = self.project.out
        if not out.exists() or (out.is_dir() and not os.listdir(out)):
            return False
        ours = self.base.text("rev-parse", "--path-format=absolute", "--git-common-dir")
        code, theirs, _ = self.git.call("rev-parse", "--path-format=absolute", "--git-common-dir")
        if not (out / ".git").is_file() or code or \
                os.path.realpath(theirs.decode().strip()) != os.path.realpath(ours):
            raise ComposeError(f"{self.shown} is not a working tree of "
                               f"{self.project.base_repo}: move it away, then run 'compose tree'")
        return True

    def require(self):
        """Refuse to go on without a tree that 'tree' has made."""
        if not self.exists() or self.state() is None:
            raise ComposeError(f"no editing tree at {self.shown}: make it with 'compose tree'")

    def _git_dir(self):
        return Path(self.git.text("rev-parse", "--absolute-git-dir"))

    def state(self):
        """The recorded State, or None."""
        try:
            text = (self._git_dir() / "compose-state.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return State(**json.loads(text))

    def set_state(self, state):
        """Record the State."""
        path = self._git_dir() / "compose-state.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        os.replace(temporary, path)

    def head(self):
        """The commit that is checked out."""
        return self.git.text("rev-parse", "--verify", "HEAD")

    def dirty(self):
        """Changed, staged, unmerged and untracked (not ignored) files."""
        raw = self.git.text("status", "--porcelain", "-z", "--no-renames",
                            "--untracked-files=all", "--ignore-submodules=none")
        return [entry[3:] for entry in raw.split("\0") if entry]

    def require_idle(self):
        """Refuse while git is in the middle of something, or files are not committed."""
        directory = self._git_dir()
        for name, what in (("rebase-merge", "rebase"), ("rebase-apply", "rebase or am"),
                           ("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick"),
                           ("REVERT_HEAD", "revert")):
            if (directory / name).exists():
                raise ComposeError(f"a git {what} is under way in {self.shown}: finish or "
                                   "abort it there first")
        files = self.dirty()
        if files:
            raise ComposeError(f"{self.shown} has uncommitted changes ({_some(files)}): "
                               "commit them there, or remove them")

    def require_saved(self, also=()):
        """Refuse when the tree holds anything that patches/ does not."""
        state = self.state()
        if state and state.rebase:
            raise ComposeError(f"a rebase is under way in {self.shown}: 'compose rebase "
                               "--continue' or 'compose rebase --abort' first")
        self.require_idle()
        head = self.head()
        if head not in {state.saved if state else None, *also}:
            raise ComposeError(f"{self.shown} has commits that are not saved: run 'compose save', "
                               "or throw them away with 'compose tree --discard'")

    def branch(self):
        """The branch of this tree: series, unless another checkout's tree has that."""
        own = "series-" + self.project.ref_prefix.rpartition("/")[2]
        if self.exists():
            code, now, _ = self.git.call("symbolic-ref", "-q", "--short", "HEAD")
            if not code and now.decode().strip() in ("series", own):
                return now.decode().strip()
        listed = self.base.text("worktree", "list", "--porcelain").split("\n\n")
        mine = os.path.realpath(self.project.out)
        for entry in listed:
            lines = entry.split("\n")
            if "branch refs/heads/series" in lines and \
                    os.path.realpath(lines[0].partition(" ")[2]) != mine:
                return own
        return "series"

    def keep_previous(self):
        """Keep the commit that is about to be left reachable; return it or None."""
        branch = f"refs/heads/{self.branch()}"
        code, old, _ = self.git.call("rev-parse", "--verify", "--quiet", "HEAD") \
            if self.exists() else self.base.call("rev-parse", "--verify", "--quiet", branch)
        if code:
            return None
        old = old.decode().strip()
        self.base.run("update-ref", f"{self.project.ref_prefix}/previous", old)
        return old

    def move_to(self, commit, state, force=False):
        """Check the commit out on our branch, making the tree if needed."""
        if not self.exists():
            return self._create(commit, state)
        self.keep_previous()
        flags = ["--force"] if force else []
        self.git.run("checkout", "-q", *flags, "-B", self.branch(), commit, "--")
        return self.set_state(state)

    def _create(self, commit, state):
        print(f"compose: checking out {self.shown} ...", file=sys.stderr)
        self.base.run("worktree", "prune")
        self.keep_previous()
        self.project.out.parent.mkdir(parents=True, exist_ok=True)
        self.base.run("worktree", "add", "-q", "--no-checkout", "-B", self.branch(),
                      self.project.out, commit)
        state.incomplete = True
        self.set_state(state)
        self.git.run("reset", "-q", "--hard", commit)
        state.incomplete = False
        self.set_state(state)

    def remove(self):
        """Take the tree away; its branch stays reachable as previous."""
        self.keep_previous()
        branch = self.branch()
        self.base.run("worktree", "remove", "--force", self.project.out)
        self.base.run("branch", "-q", "-D", branch)

    def note_names(self, pairs):
        """Remember the patch name of each commit across the person's rewrites."""
        code, have, _ = self.base.call("config", "--get-all", "notes.rewriteRef")
        if code or NOTES not in have.decode().split("\n"):
            self.base.run("config", "--add", "notes.rewriteRef", NOTES)
        for commit, name in pairs:
            self.base.run("notes", f"--ref={NOTES}", "add", "-f", "-m", f"was: {name}", commit)


def _some(files):
    return ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")


@contextlib.contextmanager
def follows(project):
    """Run a change of patches/ that keeps their meaning, so the tree stays saved."""
    tree = EditTree(project)
    state = tree.state() if tree.exists() else None
    same = state is not None and state.source == source_digest(project)
    yield
    if same:
        state.source = source_digest(project)
        tree.set_state(state)
