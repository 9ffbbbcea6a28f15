# SPDX-License-Identifier: GPL-2.0
"""The text format of one patch file.

    From: author
    Subject: one line

    changelog, trailers
    ---
    Overlay: path            (zero or more, sorted)

    diff --git ...           (possibly nothing)

"Overlay:" names a file that the patch adds; the checkout holds its final form.
The diffs of later patches of that file are in those patches.

Invariant: parse(name, p.format()) == p, and format() is the normal form.
Bytes that are not UTF-8 (in context lines) survive through surrogateescape.
"""

import re
from dataclasses import dataclass, field

from .errors import ComposeError

AUTHOR = "cvm-io <cvm-io@localhost>"
_AUTHOR = re.compile(r"^[^<>\n]+ <[^<>\s]+>$")
# git am ends the changelog at such a line.
_BREAKS = re.compile(r"^(---(\s.*)?|diff -.*|Index: .*)$")


@dataclass
class Patch:
    """One patch; text fields carry no trailing newline, except the diff."""

    name: str
    author: str
    subject: str
    body: str
    overlays: list = field(default_factory=list)
    diff: str = ""

    def message(self):
        """The commit message."""
        text = self.subject + "\n"
        return text + ("\n" + self.body + "\n" if self.body else "")

    def format(self):
        """The normal form, as bytes."""
        text = f"From: {self.author}\nSubject: {self.subject}\n\n"
        if self.body:
            text += self.body + "\n"
        text += "---\n" + "".join(f"Overlay: {p}\n" for p in sorted(self.overlays))
        if self.diff:
            text += "\n" + self.diff
        return text.encode("utf-8", "surrogateescape")


def parse(name, data):
    """Read a patch file; raise ComposeError naming the line."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")

    def bad(number, what):
        raise ComposeError(f"{name}:{number + 1}: {what}")

    headers, at = {}, 0
    while at < len(lines) and lines[at]:
        key, colon, value = lines[at].partition(": ")
        if not colon or key not in ("From", "Subject"):
            bad(at, f"expected 'From: ' or 'Subject: ', found '{lines[at][:60]}'")
        if key in headers:
            bad(at, f"second '{key}:' line")
        headers[key] = value.strip()
        at += 1
    for key in ("From", "Subject"):
        if not headers.get(key):
            bad(0, f"no '{key}:' line in the header")
    if not _AUTHOR.match(headers["From"]):
        bad(0, "From: is not of the form 'Name <address>'")

    start = at + 1
    try:
        end = lines.index("---", start)
    except ValueError:
        bad(at, "no '---' line after the changelog")
    body = "\n".join(l.rstrip() for l in lines[start:end]).strip("\n")

    overlays, at = [], end + 1
    while at < len(lines) and not lines[at].startswith("diff --git "):
        if lines[at].startswith("Overlay: "):
            overlays.append(lines[at][9:].strip())
        elif lines[at].strip():
            bad(at, "only 'Overlay: path' lines may stand between '---' and the diff")
        at += 1
    diff = "\n".join(lines[at:]).rstrip("\n")
    diff += "\n" if diff else ""
    return Patch(name, headers["From"], headers["Subject"], body, overlays, diff)


def message_problem(subject, body):
    """Why git am would not give this message back unchanged, or None."""
    if subject.startswith("["):
        return "the subject starts with '[': git am would strip the bracket"
    for line in body.split("\n"):
        if _BREAKS.match(line):
            return f"the changelog has the line '{line[:40]}', where git am would end it: indent it"
    first = body.split("\n", 1)[0]
    if re.match(r"^(From|Subject|Date): ", first):
        return f"the changelog starts with '{first[:40]}', which git am would take for a header"
    return None


def split_message(text):
    """A commit message as (subject, body); raise ComposeError where it cannot be."""
    lines = [l.rstrip() for l in text.strip("\n").split("\n")]
    if len(lines) > 1 and lines[1]:
        raise ComposeError("the subject runs over several lines: put one empty line after it")
    return lines[0], "\n".join(lines[2:]).strip("\n")
