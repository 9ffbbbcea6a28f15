# SPDX-License-Identifier: GPL-2.0
"""What lint asks of texts and sizes: words, spelling, limits, and exceptions.

A Text is what a person wrote: a changelog with the lines that its patch adds,
an added file, a cover letter, a README. Each belongs to a group: the section
of a series, or the file itself. A group is a KTAP result.

Invariant: every finding names its place as "file:line". An exception excuses
an exact number of findings of one group; it can be lowered, not raised, and
goes when there is nothing left to excuse.
"""

import collections
import re
import subprocess
from pathlib import Path

from composer import config, diffs
from composer import series as series_file
from composer.errors import ComposeError                # noqa: F401

TOP = Path(__file__).resolve().parent.parent
WORDS = "scripts/lint-words"
SPELLING = "scripts/lint-spelling"
EXCEPTIONS = "scripts/lint-exceptions"

MAX_LINES = 600
MAX_TEST_LINES = 1000
MAX_PATCHES = 15


class Bad(Exception):
    """A list of lint's own is wrong; the message says where and what to do."""


class Text:
    """Lines of one file that a person wrote: [(number, text), ...]."""

    def __init__(self, path, group, lines):
        self.path = path
        self.group = group
        self.numbers = [number for number, _ in lines]
        self.text = "\n".join(text for _, text in lines)

    def place(self, offset):
        """The "file:line" of a character."""
        return f"{self.path}:{self.numbers[self.text.count(chr(10), 0, offset)]}"


def _whole(path, group, top):
    lines = (top / path).read_text(encoding="utf-8", errors="replace").split("\n")
    return Text(path, group, list(enumerate(lines, 1)))


def patch_lines(text, skip=()):
    """The numbered lines of a patch file that its author wrote.

    The changelog, and what the diff adds, except to the files in skip: those
    are read as they are in the tree.
    """
    lines = text.split("\n")
    try:
        end = lines.index("---")
    except ValueError:
        raise Bad("no '---' line after the changelog") from None
    written = list(enumerate(lines[:end], 1))
    start = next((at for at in range(end, len(lines))
                  if lines[at].startswith("diff --git ")), len(lines))
    number = start + 1
    for file in diffs.parse("\n".join(lines[start:]), "diff"):
        number += file.header.count("\n")
        for hunk in file.hunks:
            for line in hunk.text.split("\n")[:-1]:
                if line.startswith("+") and file.path not in skip:
                    written.append((number, line[1:]))
                number += 1
    return written


def sections(name="linux", top=TOP):
    """The sections of a project's series, in order."""
    return series_file.load(config.project(name, top)).sections


def series_texts(name, top):
    """Patches, added files and covers of a project, grouped by section."""
    project = config.project(name, top)
    series = series_file.load(project)
    prefix = "" if name == "linux" else f"{name}/"
    patches = {n: series_file.load_patch(project, n) for n in series.names()}
    added = {path for patch in patches.values() for path in patch.overlays}
    seen = set()
    for section in series.sections:
        group = prefix + section.name
        if (top / section.cover).is_file():
            yield _whole(section.cover, group, top)
        for patch_name in section.names():
            path = project.shown(project.patch_dir / patch_name)
            text = (top / path).read_text(encoding="utf-8", errors="surrogateescape")
            try:
                yield Text(path, group, patch_lines(text, added))
            except Bad as error:
                raise Bad(f"{path}: {error}") from None
            for file in sorted(set(patches[patch_name].overlays) - seen):
                seen.add(file)
                yield _whole(project.shown(project.root / file), group, top)


def texts(top=TOP):
    """Every Text of the repository."""
    for name in config.NAMES:
        yield from series_texts(name, top)
    for path in ("README.md", "Makefile", "lab/README.md",
                 *(str(p.relative_to(top)) for p in sorted(top.glob("patches/*.md"))),
                 *(str(p.relative_to(top)) for p in sorted(top.glob("qemu/*.md")))):
        if (top / path).is_file():
            yield _whole(path, path, top)


# --- words ------------------------------------------------------------------

# Where a phrase goes on in the next line, what leads that line is no part of it.
GAP = r"(?:[ \t]+|[ \t]*\n[ \t]*(?:(?:\*|//|#|>|\.\.)[ \t]+)?)"


class Words:
    """The word list, and which of its allowances were needed."""

    def __init__(self, text):
        self.patterns, self.allowed, self.used = [], [], set()
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            left, bar, right = (part.strip() for part in _halves(line))
            if not (bar and left and right):
                raise Bad(f"{WORDS}:{number}: expected 'PATTERN | ADVICE' or "
                          "'allow PATH | TEXT'")
            if left.startswith("allow "):
                self.allowed.append((number, left[6:].strip(), " ".join(right.split())))
                continue
            try:
                pattern = re.compile(rf"(?<![\w-])(?:{left.replace(' ', GAP)})(?![\w-])", re.I)
            except re.error as error:
                raise Bad(f"{WORDS}:{number}: '{left}' is no regular expression: "
                          f"{error}") from None
            self.patterns.append((pattern, right))

    def findings(self, text):
        """What a Text has of the list and may not have."""
        found = []
        for pattern, advice in self.patterns:
            for match in pattern.finditer(text.text):
                if not self._allows(text, match):
                    phrase = re.sub(GAP, " ", match[0])
                    found.append((match.start(), f"{text.place(match.start())}: '{phrase}': "
                                                 f"{advice}"))
        return [finding for _, finding in sorted(found)]

    def _allows(self, text, match):
        around = re.sub(GAP, " ", text.text[max(match.start() - 80, 0):match.end() + 80])
        for number, path, phrase in self.allowed:
            if path == text.path and phrase in around and match[0].split()[0] in phrase:
                self.used.add(number)
                return True
        return False

    def unused(self):
        """Allowances that nothing needs."""
        return [f"{WORDS}:{number}: {path} no longer needs '{phrase}': remove the line"
                for number, path, phrase in self.allowed if number not in self.used]


def _halves(line):
    """Split at the bar that stands between spaces: patterns have bars too."""
    left, bar, right = line.partition(" | ")
    return left, bar, right


# --- spelling ---------------------------------------------------------------

def spelling(all_texts, top=TOP):
    """{id(text): findings} of codespell, run once over all of them."""
    where, lines = [], []
    for text in all_texts:
        for number, line in zip(text.numbers, text.text.split("\n")):
            where.append((text, number))
            lines.append(line)
    ignored = [w for line in (top / SPELLING).read_text(encoding="utf-8").split("\n")
               for w in line.partition("#")[0].split()]
    try:
        run = subprocess.run(["codespell", "--config", "/dev/null", *(
            ["-L", ",".join(ignored)] if ignored else []), "-"],
            input="\n".join(lines), text=True, encoding="utf-8", errors="replace",
            capture_output=True, check=False)
    except FileNotFoundError:
        raise Bad("codespell is not installed: run 'make deps'") from None
    # 65 says that there are findings.
    if run.returncode not in (0, 65):
        raise Bad(f"codespell failed: {(run.stderr.strip() or 'no reason').splitlines()[-1]}")
    return _placed(run.stdout, where)


def _placed(output, where):
    found, seen = collections.defaultdict(list), 0
    for line in output.split("\n"):
        match = re.match(r"(\d+): ", line)
        if match:
            text, number = where[int(match[1]) - 1]
            continue
        match = re.match(r"\t(\S+) ==> (.*)", line)
        if match:
            found[id(text)].append(f"{text.path}:{number}: '{match[1]}': "
                                   f"spelt {match[2].strip()}?")
            seen += 1
    if output.strip() and not seen:
        raise Bad("codespell's output cannot be read: is this another version?")
    return found


# --- limits -----------------------------------------------------------------

TEST = re.compile(r"(^|/)tests/|^tools/testing/|(^|/)\.kunitconfig$")
WIRING = re.compile(r"(^|/)(Kconfig(\..*)?|Makefile|Kbuild|MAINTAINERS)$")


def is_test(files):
    """Does a patch hold tests alone? A test needs its line in a Makefile."""
    return (any(TEST.search(f) for f in files) and
            all(TEST.search(f) or WIRING.search(f) for f in files))


def too_large(name, sizes):
    """A finding if a patch is above its limit; sizes: {file: changed lines}."""
    lines = sum(sizes.values())
    limit = MAX_TEST_LINES if is_test(sizes) else MAX_LINES
    if lines <= limit:
        return []
    kind = "patch of tests" if limit == MAX_TEST_LINES else "patch"
    most = max(sizes, key=sizes.get)
    return [f"{name} changes {lines} lines; a {kind} has at most {limit}: split it "
            f"({most} has {sizes[most]})"]


# --- exceptions -------------------------------------------------------------

KINDS = ("size", "words", "spelling")


class Exceptions:
    """How many findings of which kind each group is excused."""

    def __init__(self, text):
        self.counts, self.now = {}, {}
        self.lines = text.split("\n")
        for number, line in enumerate(self.lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.split()
            if len(fields) != 3 or fields[1] not in KINDS or not re.match(r"[1-9]\d*$", fields[2]):
                raise Bad(f"{EXCEPTIONS}:{number}: expected 'SECTION {'|'.join(KINDS)} COUNT'")
            if (fields[0], fields[1]) in self.counts:
                raise Bad(f"{EXCEPTIONS}:{number}: {fields[0]} {fields[1]} is listed twice")
            self.counts[fields[0], fields[1]] = int(fields[2])

    def judge(self, group, kind, findings):
        """What is wrong with a group: nothing if its findings are excused."""
        excused = self.counts.get((group, kind), 0)
        self.now[group, kind] = len(findings)
        if len(findings) > excused:
            if not excused:
                return list(findings)
            return [f"{len(findings)} findings of {kind}; {EXCEPTIONS} excuses {excused}: "
                    "mend what is new", *findings]
        if len(findings) < excused:
            left = f"only {len(findings)} of {excused}" if findings else f"none of {excused}"
            return [f"{left} excused findings of {kind} are left in {group}: "
                    "run 'scripts/lint lower'"]
        return []

    def strangers(self, kinds):
        """Exceptions of these kinds for groups that do not exist."""
        return [f"{EXCEPTIONS}: there is no section '{group}': remove its line"
                for group, kind in self.counts
                if kind in kinds and (group, kind) not in self.now]

    def added(self, older):
        """Exceptions that an older list does not have."""
        return [f"{EXCEPTIONS}: {group} {kind} was not excused before: the list only "
                "shrinks; mend the findings instead"
                for group, kind in self.counts if (group, kind) not in older.counts]

    def lowered(self):
        """The text with today's numbers, where they are smaller."""
        result = []
        for line in self.lines:
            fields = line.split()
            entry = tuple(fields[:2])
            if line.startswith("#") or entry not in self.counts:
                result.append(line)
                continue
            now = min(self.counts[entry], self.now.get(entry, 0))
            if now:
                result.append(line if now == self.counts[entry] else
                              re.sub(r"\d+\s*$", str(now), line))
        return "\n".join(result)


def older_lists(top=TOP):
    """The list as commits had it, the oldest first; none without history."""
    def git(*args):
        run = subprocess.run(["git", "-C", str(top), *args], text=True,
                             capture_output=True, check=False)
        return run.stdout if not run.returncode else ""

    for commit in reversed(git("log", "--format=%H", "--", EXCEPTIONS).split()):
        text = git("show", f"{commit}:{EXCEPTIONS}")
        if text:
            yield Exceptions(text)


def read(path, top=TOP):
    """A list of lint's own."""
    try:
        return (top / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Bad(f"{path} does not exist: restore it from git") from None
