# SPDX-License-Identifier: GPL-2.0
"""Running git so that nobody's configuration or environment can change a result.

Two ways to reach the base repository:
  Git          the repository as it is: refs, worktrees.
  ObjectStore  a throw-away git directory that shares the repository's objects
               but has its own empty configuration and attributes. Everything
               whose output we keep (commits, diffs, mails) goes through it.

Invariant: no GIT_* variable of the caller, no system, global or XDG
configuration and no hook takes part.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .errors import ComposeError

# Same function names in hunk headers whichever git version and base tree.
_ATTRIBUTES = """\
*.[ch] diff=cpp
*.c.inc diff=cpp
*.rs diff=rust
*.dts diff=dts
*.dts[io] diff=dts
*.py diff=python
"""

# Held back where an interrupt would leave something half done.
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

_OPTIONS = (
    "core.attributesFile=/dev/null", "core.excludesFile=/dev/null",
    "core.hooksPath=/dev/null", "core.fsmonitor=false",
    "core.autocrlf=false", "core.eol=lf", "core.safecrlf=false",
    "core.quotePath=false", "core.abbrev=12", "core.fileMode=true",
    "commit.gpgSign=false", "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8", "advice.detachedHead=false",
    "gc.auto=0", "maintenance.auto=false", "apply.whitespace=nowarn",
    "apply.ignoreWhitespace=no", "safe.directory=*", "am.threeWay=false",
    "diff.noprefix=false", "diff.mnemonicPrefix=false", "diff.renames=false",
    "color.ui=false", "submodule.recurse=false", "checkout.guess=false",
    "status.showUntrackedFiles=all", "status.relativePaths=false",
)


def clean_env(extra=None):
    """The caller's environment without any git setting."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update({
        "LC_ALL": "C", "TZ": "UTC", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "GIT_EDITOR": "true",
        # Whatever we commit on a person's behalf carries the project's name.
        "GIT_AUTHOR_NAME": "cvm-io", "GIT_AUTHOR_EMAIL": "cvm-io@localhost",
        "GIT_COMMITTER_NAME": "cvm-io", "GIT_COMMITTER_EMAIL": "cvm-io@localhost",
    })
    env.update(extra or {})
    return env


class GitError(ComposeError):
    """git failed; stderr is kept for callers that can say more."""

    def __init__(self, args, stderr):
        lines = [l for l in stderr.splitlines() if l.strip()]
        super().__init__(f"git {args[0]} failed: {lines[0] if lines else 'no message'}",
                         lines[1:6])
        self.stderr = stderr


class Git:
    """git in one directory (a bare repository or a working tree)."""

    def __init__(self, directory, env=None):
        self.directory = Path(directory)
        self._env = env or {}

    def call(self, *args, data=None, env=None):
        """Run git; return (exit code, stdout bytes, stderr text)."""
        command = ["git"]
        for option in _OPTIONS:
            command += ["-c", option]
        command += [str(a) for a in args]
        pipe = subprocess.PIPE
        # Nobody would end git if an interrupt came before `process` is there.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

        def unblock():
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

        try:
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe,
                                       cwd=self.directory, preexec_fn=unblock,
                                       env=clean_env({**self._env, **(env or {})}))
            with process:
                try:
                    unblock()
                    out, err = process.communicate(data)
                except BaseException:
                    # Not killed: git removes its lock files when it is asked to end.
                    process.terminate()
                    raise
        except FileNotFoundError as err:
            if not self.directory.is_dir():
                raise ComposeError(f"no directory {self.directory}") from err
            raise ComposeError("git is not installed: install the package 'git'") from err
        finally:
            unblock()
        return process.returncode, out, err.decode(errors="replace")

    def run(self, *args, data=None, env=None):
        """Run git; return stdout as bytes; raise GitError on failure."""
        code, out, err = self.call(*args, data=data, env=env)
        if code:
            raise GitError(args, err)
        return out

    def text(self, *args, data=None, env=None):
        """Like run, but decoded and without the final newline."""
        out = self.run(*args, data=data, env=env).decode("utf-8", "surrogateescape")
        return out[:-1] if out.endswith("\n") else out

    def ok(self, *args, data=None, env=None):
        """Run git and tell whether it succeeded."""
        return self.call(*args, data=data, env=env)[0] == 0


def base_git(project):
    """The base repository, with a clear error where there is none."""
    git = Git(project.base_repo)
    if not project.base_repo.is_dir() or not git.ok("rev-parse", "--git-dir"):
        raise ComposeError(f"no base repository at {project.base_repo}: "
                           "run scripts/fetch, or name one with --base-repo")
    return git


def resolve(git, rev):
    """The commit id of a revision in the base repository."""
    code, out, _ = git.call("rev-parse", "--verify", "--quiet", "--end-of-options",
                            f"{rev}^{{commit}}")
    if code:
        raise ComposeError(f"no commit '{rev}' in {git.directory}: "
                           "run scripts/fetch, or name one with --base-rev")
    return out.decode().strip()


class ObjectStore(Git):
    """A private git directory on the objects of the base repository.

    Context manager. Objects that are written land in the base repository;
    refs, configuration and index are private and vanish at exit.
    """

    def __init__(self, project):
        git = base_git(project)
        # Of a linked worktree or a plain checkout too: ask git, do not guess.
        common = Path(git.text("rev-parse", "--git-common-dir"))
        self.source = (project.base_repo / common).resolve()
        self.tmp = None
        super().__init__("/")

    def __enter__(self):
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            self._fill(Path(tempfile.mkdtemp(prefix="compose-")))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        return self

    def _fill(self, tmp):
        self.tmp = tmp
        gitdir = self.tmp / "git"
        for sub in ("refs", "info", "objects"):
            (gitdir / sub).mkdir(parents=True)
        (gitdir / "HEAD").write_text("ref: refs/heads/none\n")
        (gitdir / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        (gitdir / "info" / "attributes").write_text(_ATTRIBUTES)
        if (self.source / "shallow").exists():
            shutil.copy(self.source / "shallow", gitdir / "shallow")
        self.directory = self.tmp
        self._env = {"GIT_DIR": str(gitdir),
                     "GIT_OBJECT_DIRECTORY": str(self.source / "objects"),
                     "GIT_INDEX_FILE": str(self.tmp / "index")}

    def __exit__(self, *exc):
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        shutil.rmtree(self.tmp, ignore_errors=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
