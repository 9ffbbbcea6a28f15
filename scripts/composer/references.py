# SPDX-License-Identifier: GPL-2.0
"""References to patches: {1310} in covers and changelogs, names in mails.

The file name's number stays in patch files and commits. In a mail a patch of
the same section is "patch 3", several are "patches 3, 5 and 7 to 9", the patch
itself is "this patch", and a patch of another section is its quoted subject.

Invariant: only paragraphs and list items with a reference are wrapped anew.
"""

import re
import textwrap

from .errors import ComposeError
from .series import number_of

_ONE = r"\{\d{4}\}"
_JOIN = r",\s+(?:and\s+|or\s+)?|\s+(?:and|or|to)\s+"
_NUMBER = re.compile(r"\{(\d{4})\}")
_GROUP = re.compile(rf"{_ONE}(?:(?:{_JOIN}){_ONE})*")
_BULLET = re.compile(r"[-*] +|\d+[.)] +")
_TABLE = re.compile(r"[^\s.:;!?] {2,}\S")
_TRAILER = re.compile(r"[A-Z][A-Za-z-]+: \S")
_SENTENCE = re.compile(r"(?:^|[.!?]\s+|^\s*(?:[-*]|\d+[.)])\s+)$")
_GLUE = "\ue000"            # a space at which no line may break
# Lines are at least this long, and at most the second.
_WIDTH, _MOST = 72, 78


class References:
    """What the references in texts of one section become."""

    def __init__(self, series, patches):
        self.subjects = {number_of(p.name): p.subject for p in patches}
        self.sections = {number_of(n): s.name for s in series.sections for n in s.names()}
        self.places = {number_of(n): at for s in series.sections
                       for at, n in enumerate(s.names(), 1)}

    def unknown(self, text):
        """(line, reference) of each one that is no patch of the series."""
        return [(number, m[0]) for number, line in enumerate(text.split("\n"), 1)
                for m in _NUMBER.finditer(line) if int(m[1]) not in self.subjects]

    def resolved(self, text, section, where, own=None):
        """The text for a mail of a section; own is the number of its patch."""
        for line, reference in self.unknown(text):
            raise ComposeError(f"{where}: {reference} in line {line} of the text is "
                               "no patch of the series: write the number of a file in patches/")
        return "\n\n".join(self._paragraph(p, section, own) for p in text.split("\n\n"))

    def _paragraph(self, text, section, own):
        if not _NUMBER.search(text):
            return text
        lines = text.split("\n")
        items = _items(lines)
        return "\n".join(self._item("\n".join(lines[start:end]), section, own)
                         for start, end in items)

    def _item(self, text, section, own):
        def name(match):
            before = text[:match.start()]
            return self._group(match[0], section, own, bool(_SENTENCE.search(before)))

        if not _NUMBER.search(text):
            return text
        done = _GROUP.sub(name, text)
        fixed = _TABLE.search(text.lstrip()) or all(_TRAILER.match(l) for l in text.split("\n"))
        return done.replace(_GLUE, " ") if fixed else _wrapped(done, text)

    def _group(self, text, section, own, first):
        numbers = [int(n) for n in _NUMBER.findall(text)]
        joints = [re.sub(r"\s+", " ", j) for j in re.split(_ONE, text)[1:-1]]
        near = [self.sections[n] == section and n != own for n in numbers]
        names, at = [], 0
        while at < len(numbers):
            end = at + 1
            while near[at] and end < len(numbers) and near[end]:
                end += 1
            names.append(self._names(numbers[at:end], joints[at:end - 1], near[at], own))
            at = end
            if at < len(numbers):
                names.append(joints[at - 1])
        made = "".join(names)
        return made[0].upper() + made[1:] if first else made

    def _names(self, numbers, joints, near, own):
        if not near:
            return "this patch" if numbers[0] == own else f'"{self.subjects[numbers[0]]}"'
        places = [str(self.places[n]) for n in numbers]
        tail = "".join(j + p for j, p in zip(joints, places[1:]))
        return ("patches" if len(places) > 1 else "patch") + _GLUE + places[0] + tail


def _indent(line):
    return len(line) - len(line.lstrip(" "))


def _items(lines):
    """(start, end) of the list items of a paragraph, or of the whole of it.

    An item starts at a bullet, at a line that is indented less than the one
    before it, below a line that ends with a colon if it is indented more, and
    at a line with deeper ones below it if the item before has come to its end.
    """
    starts = [0]
    for at in range(1, len(lines)):
        here, before = _indent(lines[at]), _indent(lines[at - 1])
        below = _indent(lines[at + 1]) if at + 1 < len(lines) else here
        ended = lines[at - 1].endswith((".", "!", "?", ";"))
        if (_BULLET.match(lines[at].lstrip()) or here < before
                or here > before and lines[at - 1].endswith(":")
                or here == before and below > here and ended):
            starts.append(at)
    return list(zip(starts, starts[1:] + [len(lines)]))


def _wrapped(text, before):
    lines = text.split("\n")
    head = " " * _indent(lines[0])
    bullet = _BULLET.match(lines[0].lstrip())
    if len(lines) > 1:
        hang = " " * _indent(lines[1])
    else:
        hang = head + " " * (len(bullet[0]) if bullet else 0)
    width = min(max([_WIDTH] + [len(l) for l in before.split("\n")]), _MOST)
    words = " ".join(l.strip() for l in lines)
    return textwrap.fill(words, width, initial_indent=head, subsequent_indent=hang,
                         break_long_words=False, break_on_hyphens=False).replace(_GLUE, " ")
