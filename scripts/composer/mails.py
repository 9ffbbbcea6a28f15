# SPDX-License-Identifier: GPL-2.0
"""The series as mails that git am takes, one folder per section.

Invariants: nothing is ever sent. The bytes depend on the composed commits,
the covers and the submitter alone. A sign-off is a person's act: it is added
only in the name that a person has put into git's configuration.
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from email.header import Header
from pathlib import Path

from . import compose, patchfile
from .errors import ComposeError

_PROJECT = "cvm-io"
_FORMAT = ("format-patch", "--quiet", "--no-thread", "--no-signature", "--no-attach",
           "--no-to", "--no-cc", "--no-add-header", "--no-base", "--no-notes",
           "--numbered", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color",
           "--abbrev=12", "-U3", "--inter-hunk-context=0", "--diff-algorithm=myers",
           "--indent-heuristic", "--src-prefix=a/", "--dst-prefix=b/",
           "--stat=72", "--stat-graph-width=20", "--summary", "--patch",
           "--cover-letter", "--cover-from-description=none")
_SUBJECT, _BLURB = "*** SUBJECT HERE ***", "*** BLURB HERE ***"
# Variables that would point git at another repository than the checkout.
_LOCATION = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR",
             "GIT_OBJECT_DIRECTORY", "GIT_CEILING_DIRECTORIES", "GIT_NAMESPACE",
             "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX")


def submitter(project):
    """'Name <address>' of the person in git's configuration, or None.

    This is the one place that reads the caller's own git configuration.
    """
    env = {k: v for k, v in os.environ.items() if k not in _LOCATION}

    def get(key):
        done = subprocess.run(["git", "config", "--get", key], cwd=project.top, env=env,
                              capture_output=True, text=True, check=False)
        return done.stdout.strip()

    name, address = get("user.name"), get("user.email")
    if not name or not address or name == _PROJECT or address.split("@")[0] == _PROJECT:
        return None
    return f"{name} <{address}>"


def signed(patch, person):
    """The patch as the person submits it: From and Signed-off-by."""
    body = patch.body
    last = body.split("\n\n")[-1]
    trailers = bool(body) and all(re.match(r"[A-Za-z-]+: \S", l) for l in last.split("\n"))
    gap = "\n" if trailers else "\n\n" if body else ""
    return replace(patch, author=person, body=f"{body}{gap}Signed-off-by: {person}")


def write(project, store, base, series, patches, person=None):
    """Write the mails of every section below project.mails; return the folders."""
    if person:
        patches = [signed(p, person) for p in patches]
    covers = {s.name: _cover(project, s) for s in series.sections if s.entries}
    done = {c.patch.name: c for c in compose.compose(store, project, base, patches)}
    project.mails.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".compose-", dir=project.mails.parent))
    try:
        for section in series.sections:
            if section.entries:
                commits = [done[n] for n in section.names()]
                _section(store, stage / section.name, commits, covers[section.name],
                         person or patchfile.AUTHOR)
        shutil.rmtree(project.mails, ignore_errors=True)
        os.rename(stage, project.mails)
        project.mails.chmod(0o755)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return [project.mails / s.name for s in series.sections if s.entries]


def _cover(project, section):
    path = project.top / section.cover
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise ComposeError(f"{section.cover} does not exist: section '{section.name}' needs "
                           "its cover letter (a subject line, an empty line, the text)") from err
    subject, _, body = text.strip("\n").partition("\n")
    subject = re.sub(r"^Subject: ", "", subject).strip()
    if not subject or body.partition("\n")[0].strip():
        raise ComposeError(f"{section.cover}: expected a subject line and an empty line")
    return subject, body.strip("\n")


def _section(store, folder, commits, cover, person):
    name, _, address = person.rpartition(" <")
    first, last = commits[0], commits[-1]
    date = store.text("log", "-1", "--format=%ct", last.commit)
    env = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address[:-1],
           "GIT_COMMITTER_DATE": f"{date} +0000"}
    store.run(*_FORMAT, "--subject-prefix=PATCH", "-o", folder,
              f"{first.parent}..{last.commit}", env=env)
    path = next(folder.glob("0000-*.patch"))
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    if _SUBJECT not in text or _BLURB not in text:
        raise ComposeError("git format-patch made a cover letter of an unknown form: "
                           "is this git newer than the composer?")
    subject, body = cover
    text = re.sub(r"^From: .*\n(?: .*\n)*", lambda _: f"From: {_encoded(name)} <{address}\n",
                  text, count=1, flags=re.M)
    text = text.replace(_SUBJECT, _encoded(subject), 1).replace(_BLURB, body, 1)
    if not text.isascii() and "Content-Type:" not in text:
        text = text.replace("\n\n", "\nMIME-Version: 1.0\nContent-Type: text/plain; "
                            "charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n", 1)
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    _check_numbers(folder, len(commits))


def _encoded(text):
    """A header value; git versions differ in whether covers get this encoding."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=900).encode()


def _check_numbers(folder, count):
    made = len(list(folder.glob("*.patch")))
    if made != count + 1:
        raise ComposeError(f"git format-patch made {made} mails for {count} patches and a cover: "
                           "does a patch change nothing?")
