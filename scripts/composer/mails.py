# SPDX-License-Identifier: GPL-2.0
"""The series as mails: a folder, an mbox and a list of recipients per section.

The form is that of git format-patch --thread --cover-letter --base: b4 and
git am take it. A section's patches are made on what it needs, not on all that
stands before it.

Invariants: nothing is ever sent. The bytes depend on the composed trees, the
covers, the changelogs and the submitter alone; so do the Message-IDs. A
sign-off is a person's act: it is added only when that person asks for it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from email.header import Header
from pathlib import Path

from . import compose, patchfile, recipients
from .chains import Chains
from .errors import ComposeError
from .references import References
from .series import number_of

_PROJECT = "cvm-io"
_DOMAIN = "cvm-io.invalid"
_FORMAT = ("format-patch", "--quiet", "--no-thread", "--no-signature", "--no-attach",
           "--no-to", "--no-cc", "--no-add-header", "--no-base", "--no-notes",
           "--numbered", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color",
           "--abbrev=12", "-U3", "--inter-hunk-context=0", "--diff-algorithm=myers",
           "--indent-heuristic", "--src-prefix=a/", "--dst-prefix=b/",
           "--stat=72", "--stat-graph-width=20", "--summary", "--patch", "--zero-commit",
           "--cover-letter", "--cover-from-description=none")
_SUBJECT, _BLURB = "*** SUBJECT HERE ***", "*** BLURB HERE ***"
_UNSIGNED = "Not signed off: the Signed-off-by of the submitter goes above the line."
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
    """The patch with the Signed-off-by of a person."""
    body = patch.body
    last = body.split("\n\n")[-1]
    trailers = bool(body) and all(re.match(r"[A-Za-z-]+: \S", l) for l in last.split("\n"))
    gap = "\n" if trailers else "\n\n" if body else ""
    return replace(patch, body=f"{body}{gap}Signed-off-by: {person}")


def reference_problems(project, series, patches):
    """Every {NNNN} in a cover or a changelog that is no patch of the series."""
    known, found = References(series, patches), []
    texts = [(project.shown(project.patch_dir / p.name), p.message()) for p in patches]
    for section in series.sections:
        path = project.top / section.cover
        if section.entries and path.is_file():
            texts.append((section.cover, path.read_text(encoding="utf-8")))
    for where, text in texts:
        found += [f"{where}: {reference} is no patch of the series: write the number "
                  "of a file in patches/" for _, reference in known.unknown(text)]
    return found


def resolved(project, known, patch, section):
    """The patch with its references as they stand in the section's mails."""
    body = known.resolved(patch.body, section.name, project.shown(project.patch_dir / patch.name),
                          number_of(patch.name))
    return replace(patch, body=body)


@dataclass
class Options:
    """How the mails are written."""

    folder: Path                # they are written below it
    person: str = None          # the author instead of the stored one
    signoff: bool = False       # the person asks for a Signed-off-by
    only: str = None            # one section instead of all
    recipients: bool = True     # ask get_maintainer.pl, some seconds a section


def write(project, store, base, series, patches, options):
    """Write the mails; return the paths that were written, one per section."""
    if options.only and not series.section(options.only).entries:
        raise ComposeError(f"section '{options.only}' has no patches")
    composed = compose.compose(store, project, base, patches)
    writer = _Writer(project, store, base, series, composed, options)
    options.folder.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".compose-", dir=options.folder.parent))
    try:
        writer.stage = stage
        written = [writer.section(s) for s in series.sections if s.entries]
        if options.only:
            _replace(stage, options.folder, options.only)
            written = [options.only]
        else:
            shutil.rmtree(options.folder, ignore_errors=True)
            os.rename(stage, options.folder)
            options.folder.chmod(0o755)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return [options.folder / name for name in written]


def _replace(stage, folder, name):
    """Put one section's new files in the place of the old ones."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / name, ignore_errors=True)
    for suffix in ("", ".mbox", ".to-cc"):
        (folder / (name + suffix)).unlink(missing_ok=True)
        if (stage / (name + suffix)).exists():
            os.rename(stage / (name + suffix), folder / (name + suffix))


class _Writer:
    """Writes one section after the other to a folder."""

    def __init__(self, project, store, base, series, composed, options):
        self.project = project
        self.store = store
        self.series = series
        self.options = options
        self.sender = options.person or patchfile.AUTHOR
        self.known = References(series, [c.patch for c in composed])
        self.covers = {s.name: _cover(project, self.known, s)
                       for s in series.sections if s.entries}
        self.chains = Chains(store, base, series, composed)
        self.base = _base_line(project, store, base)
        self.recipients = recipients.Recipients(store, project, self._tip(base, composed))
        self.ids = {}           # section: Message-ID of its cover
        self.stage = None

    @staticmethod
    def _tip(base, composed):
        return composed[-1].commit if composed else base

    def section(self, section):
        """Write the files of a section; return its name."""
        links = self.chains.links(section)
        at = len(links) - len(section.entries)
        parent = ([self.chains.base] + self.chains.commits(links[:at]))[-1]
        made = self.chains.commits(links[at:], lambda p: self._patch(p, section), parent)
        mails = self._format(section, parent, made[-1])
        mails = self._threaded(section, mails)
        if self.options.only in (None, section.name):
            self._store(section, mails)
        return section.name

    def _patch(self, patch, section):
        patch = resolved(self.project, self.known, patch, section)
        if self.options.person:
            patch = replace(patch, author=self.options.person)
        if self.options.signoff:
            patch = signed(patch, self.options.person)
        where = self.project.shown(self.project.patch_dir / patch.name)
        problem = patchfile.message_problem(patch.subject, patch.body)
        if problem:
            raise ComposeError(f"{where}: {problem}")
        _no_separator(where, patch.body)
        return patch

    def _format(self, section, parent, tip):
        """{file name: text} as git format-patch makes them, with our cover."""
        name, _, address = self.sender.rpartition(" <")
        date = self.store.text("log", "-1", "--format=%ct", tip)
        env = {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address[:-1],
               "GIT_COMMITTER_DATE": f"{date} +0000"}
        prefix = " ".join(["PATCH"] + ([section.prefix] if section.prefix else []))
        folder = self.stage / ".new"
        self.store.run(*_FORMAT, f"--subject-prefix={prefix}", "-o", folder,
                       f"{parent}..{tip}", env=env)
        mails = {p.name: p.read_text(encoding="utf-8", errors="surrogateescape")
                 for p in sorted(folder.glob("*.patch"))}
        shutil.rmtree(folder)
        if len(mails) != len(section.entries) + 1:
            raise ComposeError(f"git format-patch made {len(mails)} mails for "
                               f"{len(section.entries)} patches and a cover: "
                               "does a patch change nothing?")
        cover = next(iter(mails))
        mails[cover] = self._filled(mails[cover], section)
        if not self.options.signoff:
            for one in list(mails)[1:]:
                mails[one] = mails[one].replace("\n---\n", f"\n---\n{_UNSIGNED}\n\n", 1)
        return mails

    def _filled(self, text, section):
        """git's cover with our subject and text, and what it applies to."""
        if _SUBJECT not in text or _BLURB not in text:
            raise ComposeError("git format-patch made a cover letter of an unknown form: "
                               "is this git newer than the composer?")
        name, _, address = self.sender.rpartition(" <")
        subject, body = self.covers[section.name]
        text = re.sub(r"^From: .*\n(?: .*\n)*", lambda _: f"From: {_encoded(name)} <{address}\n",
                      text, count=1, flags=re.M)
        text = text.replace(_SUBJECT, _encoded(subject), 1).replace(_BLURB, body, 1)
        text = text.rstrip("\n") + "\n\n" + self._applies_to(section)
        if not text.isascii() and "Content-Type:" not in text:
            text = text.replace("\n\n", "\nMIME-Version: 1.0\nContent-Type: text/plain; "
                                "charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n", 1)
        return text

    def _applies_to(self, section):
        """The last lines of a cover; without patch ids, for which b4 asks the network."""
        below = [s for s in self.series.below(section) if s.entries]
        if not below:
            return self.base
        names = "".join(f' - "{self.covers[s.name][0]}"\n' for s in below)
        ids = "".join(f"prerequisite-message-id: {self.ids[s.name]}\n" for s in below)
        return f"Apply these first, in this order:\n{names}\n{self.base}{ids}"

    def _threaded(self, section, mails):
        """The mails with Message-IDs, all patches as answers to the cover."""
        texts = list(mails.values())
        marks = [_mark(self.project.name, section.name, at, text)
                 for at, text in enumerate(texts)]
        marks[0] = _mark(*marks)
        ids = [f"<{self.project.name}-{section.name}-{at:02d}-{mark}@{_DOMAIN}>"
               for at, mark in enumerate(marks)]
        self.ids[section.name] = ids[0]
        made = {}
        for at, (name, text) in enumerate(mails.items()):
            first, _, rest = text.partition("\n")
            rest = _unfolded(rest)
            thread = f"In-Reply-To: {ids[0]}\nReferences: {ids[0]}\n" if at else ""
            made[name] = f"{first}\nMessage-ID: {ids[at]}\n{thread}{rest}"
        return made

    def _store(self, section, mails):
        folder = self.stage / section.name
        folder.mkdir()
        for name, text in mails.items():
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        box = "".join(text.rstrip("\n") + "\n\n" for text in mails.values())
        (self.stage / f"{section.name}.mbox").write_text(box, encoding="utf-8",
                                                         errors="surrogateescape")
        people = ""
        if self.options.recipients:
            people = self.recipients.of([folder / n for n in list(mails)[1:]])
        if people:
            (self.stage / f"{section.name}.to-cc").write_text(people, encoding="utf-8")


def _cover(project, known, section):
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
    body = known.resolved(body.strip("\n"), section.name, section.cover)
    _no_separator(section.cover, body)
    return subject, body


def _no_separator(where, text):
    """Refuse what an mbox takes for the start of the next mail."""
    for line in text.split("\n"):
        if line.startswith("From "):
            raise ComposeError(f"{where}: the mail would have the line '{line[:40]}', which "
                               "starts a new mail in an mbox: word it so that 'From' is "
                               "elsewhere in the line")


def _base_line(project, store, base):
    """What the series applies to. There is no public commit: the base is a tarball."""
    tree = store.text("rev-parse", f"{base}^{{tree}}")
    if project.name == "linux":
        code, out, _ = store.call("show", f"{base}:Makefile")
        fields = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *=[ \t]*(\S*)",
                                 out.decode(errors="replace") if not code else "", re.M))
        version = ".".join(fields[k] for k in ("VERSION", "PATCHLEVEL", "SUBLEVEL")
                           if fields.get(k)) + fields.get("EXTRAVERSION", "")
        name = "Linux"
    else:
        code, out, _ = store.call("show", f"{base}:VERSION")
        name, version = "QEMU", "" if code else out.decode(errors="replace").strip()
    return f"base: {name} {version or 'of unknown version'}, tree {tree}\n"


def _unfolded(text):
    """A mail with its subject in one line: b4 0.12 fails if it is folded."""
    head, gap, body = text.partition("\n\n")
    return re.sub(r"^Subject: .*(\n .*)+", lambda m: m[0].replace("\n", ""), head,
                  count=1, flags=re.M) + gap + body


def _mark(*parts):
    text = "\0".join(str(p) for p in parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:12]


def _encoded(text):
    """A header value; git versions differ in whether covers get this encoding."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=900).encode()
