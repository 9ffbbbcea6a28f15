# SPDX-License-Identifier: GPL-2.0
"""patches/series: the ordered list of patches, cut into sections.

    # section: net-fixes   (cover: cover/net-fixes.txt, prefix: net, fixes)
    0110-hv-netvsc-rescind.patch

The prefix is what the subject of each mail has after "PATCH": the tree that
takes the section. "fixes" marks a section of fixes for the base alone: they
apply to it in any order. Another section stands on all sections before it,
unless "needs: a b" names those that are enough ("needs: base": none).

Invariant: parse(s.format()) == s, comments included. A comment belongs to the
patch or section line that follows it.
"""

import re
from dataclasses import dataclass, field

from . import patchfile
from .errors import ComposeError

_SECTION = re.compile(r"^# section: (?P<name>[a-z0-9][a-z0-9-]*)"
                      r"(?:\s+\((?P<options>[^()]*)\))?\s*$")
_OPTION = re.compile(r"(?:(?P<key>cover|prefix): (?P<value>[^\s,]+)|"
                     r"(?P<list>needs): (?P<names>[^\s,]+(?: [^\s,]+)*)|(?P<flag>fixes))$")
_FORM = "'# section: name   (cover: FILE, prefix: TREE, needs: NAME..., fixes)'"
_BASE = "base"              # what "needs:" calls the base without any section
NAME = re.compile(r"^\d{4}-[A-Za-z0-9._+-]+\.patch$")


def number_of(name):
    """The number that a patch file name starts with."""
    return int(name[:4])


@dataclass
class Entry:
    """A patch name and the comment lines above it."""

    name: str
    comments: list = field(default_factory=list)


@dataclass
class Section:
    """A section line (raw), the comments above it, and its patches."""

    name: str
    cover: str
    line: str
    comments: list = field(default_factory=list)
    entries: list = field(default_factory=list)
    prefix: str = ""
    fixes: bool = False
    needs: list = None      # None: not given

    def names(self):
        """The patch file names in order."""
        return [e.name for e in self.entries]


@dataclass
class Series:
    """The whole list."""

    sections: list
    tail: list = field(default_factory=list)

    def names(self):
        """Every patch file name, in order."""
        return [name for s in self.sections for name in s.names()]

    def section_of(self, name):
        """The section that lists a patch."""
        return next(s for s in self.sections if name in s.names())

    def section(self, name):
        """The section of this name; raise ComposeError with those that exist."""
        for section in self.sections:
            if section.name == name:
                return section
        raise ComposeError(f"no section '{name}': the series has "
                           f"{', '.join(s.name for s in self.sections) or 'none'}")

    def below(self, section):
        """The sections that a section stands on, in order."""
        before = self.sections[:self.sections.index(section)]
        if section.fixes:
            return []
        if section.needs is None:
            return before
        wanted = set(section.needs)
        for one in before:
            if one.name in section.needs:
                wanted |= {s.name for s in self.below(one)}
        return [s for s in before if s.name in wanted]

    def format(self):
        """The text of the series file, as bytes."""
        lines = []
        for section in self.sections:
            lines += section.comments + [section.line]
            for entry in section.entries:
                lines += entry.comments + [entry.name]
        return "".join(l + "\n" for l in lines + self.tail).encode()


def _options(text, place):
    """{key: value} of what stands in the parentheses of a section line."""
    options = {}
    for part in (text or "").split(","):
        match = _OPTION.match(part.strip())
        if match and match["list"]:
            options["needs"] = match["names"].split(" ")
        elif match:
            options[match["key"] or match["flag"]] = match["value"] or True
        elif text is not None:
            raise ComposeError(f"{place}: '{part.strip()}' is no option of a section: "
                               f"expected {_FORM}")
    return options


def _check_needs(options, sections, place):
    needs = options.get("needs")
    if needs is None:
        return
    if options.get("fixes"):
        raise ComposeError(f"{place}: a section of fixes stands on the base alone: "
                           "remove 'needs:' or 'fixes'")
    if _BASE in needs:
        if needs != [_BASE]:
            raise ComposeError(f"{place}: 'needs: {_BASE}' means no other section: "
                               "name sections or the base")
        options["needs"] = []
        return
    for name in needs:
        if name not in [s.name for s in sections]:
            raise ComposeError(f"{place}: needs '{name}', which is no section before this one")


def parse(text, where="patches/series"):
    """Read the list; raise ComposeError naming the line."""
    sections, comments = [], []
    for number, line in enumerate(text.split("\n")[:-1] if text.endswith("\n")
                                  else text.split("\n"), 1):
        section = _SECTION.match(line)
        if section:
            name = section["name"]
            if any(s.name == name for s in sections):
                raise ComposeError(f"{where}:{number}: second section '{name}'")
            if name == _BASE:
                raise ComposeError(f"{where}:{number}: '{_BASE}' is what 'needs:' calls the "
                                   "tree without any section: choose another name")
            options = _options(section["options"], f"{where}:{number}")
            _check_needs(options, sections, f"{where}:{number}")
            sections.append(Section(name, options.pop("cover", f"cover/{name}.txt"),
                                    line, comments, **options))
            comments = []
        elif line.startswith("# section"):
            raise ComposeError(f"{where}:{number}: expected {_FORM}")
        elif not line.strip() or line.startswith("#"):
            comments.append(line)
        elif not NAME.match(line.strip()):
            raise ComposeError(f"{where}:{number}: '{line[:60]}' is no patch name: "
                               "use NNNN-area-slug.patch")
        elif not sections:
            raise ComposeError(f"{where}:{number}: a patch before the first "
                               "'# section:' line")
        else:
            sections[-1].entries.append(Entry(line.strip(), comments))
            comments = []
    return Series(sections, comments)


def load(project):
    """Read the series file of a project."""
    try:
        text = project.series_file.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise ComposeError(f"no {project.shown(project.series_file)}: "
                           "a series needs the ordered list of its patches") from err
    return parse(text, project.shown(project.series_file))


def load_patch(project, name):
    """Read one patch file."""
    path = project.patch_dir / name
    try:
        data = path.read_bytes()
    except FileNotFoundError as err:
        raise ComposeError(f"{project.shown(path)} is listed in series and does not "
                           "exist: add the file or remove its line") from err
    return patchfile.parse(project.shown(path), data)


def load_patches(project, series):
    """Every listed patch in order; Patch.name is the bare file name."""
    seen, patches = set(), []
    for name in series.names():
        if name in seen:
            raise ComposeError(f"{project.shown(project.series_file)}: {name} is listed twice")
        seen.add(name)
        patch = load_patch(project, name)
        patch.name = name
        patches.append(patch)
    return patches
