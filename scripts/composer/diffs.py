# SPDX-License-Identifier: GPL-2.0
"""Reading git diffs: which files, which hunks.

Invariant: hunks are read by the line counts of their headers, so a removed
line that looks like a file header is never taken for one; "".join(f.text)
over all files is the diff itself.
"""

import re
from dataclasses import dataclass, field

from .errors import ComposeError

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass
class Hunk:
    """One hunk; number counts from 1 within its file."""

    number: int
    header: str
    old_start: int
    text: str

    def __str__(self):
        return f"hunk #{self.number} ({self.header})"


@dataclass
class FileDiff:
    """The part of a diff that belongs to one file."""

    path: str
    header: str = ""
    hunks: list = field(default_factory=list)

    @property
    def text(self):
        """The diff of this file alone."""
        return self.header + "".join(h.text for h in self.hunks)

    @property
    def text_without_ids(self):
        """The same without its "index" line, and with that without blobs and mode."""
        lines = self.header.split("\n")
        return "\n".join(l for l in lines if not l.startswith("index ")) + \
            "".join(h.text for h in self.hunks)

    def _has(self, start):
        return any(l.startswith(start) for l in self.header.split("\n"))

    @property
    def is_new(self):
        """The diff creates the file."""
        return self._has("new file mode ")

    @property
    def is_deleted(self):
        """The diff removes the file."""
        return self._has("deleted file mode ")

    @property
    def changes_mode(self):
        """The diff changes the permission bits."""
        return self._has("old mode ")

    @property
    def new_mode(self):
        """The mode after a change of the mode, else None."""
        lines = [l for l in self.header.split("\n") if l.startswith("new mode ")]
        return lines[0].split()[-1] if lines else None

    @property
    def is_binary(self):
        """The diff is not text."""
        return self._has("GIT binary patch") or self._has("Binary files ")


def _path(line, where):
    rest = line[len("diff --git "):]
    path = rest[2:2 + (len(rest) - 5) // 2]
    if rest != f"a/{path} b/{path}":
        raise ComposeError(f"{where}: '{line[:80]}': renames, unusual characters and "
                           "prefixes other than a/ b/ are not supported")
    return path


def _hunk(lines, at, number, where):
    match = _HUNK.match(lines[at])
    old, new = (int(match.group(i)) if match.group(i) else 1 for i in (2, 3))
    start, header = at, lines[at].rstrip()
    at += 1
    while old > 0 or new > 0:
        kind = lines[at][:1] if at < len(lines) else None
        if kind not in (" ", "+", "-", "\\"):
            raise ComposeError(f"{where}: hunk #{number} ({header}) does not have the "
                               "number of lines that its header announces")
        old -= kind in " -"
        new -= kind in " +"
        at += 1
    while at < len(lines) and lines[at].startswith("\\"):
        at += 1
    text = "\n".join(lines[start:at]) + "\n"
    return Hunk(number, header, int(match.group(1)), text), at


def parse(diff, where):
    """Cut a diff into FileDiffs; where names the patch in errors."""
    lines, files, at = diff.split("\n"), [], 0
    if lines and not lines[-1]:
        lines.pop()
    while at < len(lines):
        if not lines[at].startswith("diff --git "):
            raise ComposeError(f"{where}: expected a hunk or 'diff --git', found "
                               f"'{lines[at][:60]}': do hunk headers and lines agree?")
        this = FileDiff(_path(lines[at], where))
        head = at
        at += 1
        while at < len(lines) and not lines[at].startswith(("diff --git ", "@@ ")):
            at += 1
        this.header = "\n".join(lines[head:at]) + "\n"
        while at < len(lines) and _HUNK.match(lines[at]):
            hunk, at = _hunk(lines, at, len(this.hunks) + 1, f"{where}: {this.path}")
            this.hunks.append(hunk)
        files.append(this)
    return files
