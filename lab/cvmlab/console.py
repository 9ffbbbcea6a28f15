# SPDX-License-Identifier: GPL-2.0
"""What a console must not contain.

A kernel that complains fails the test in which it did, unless the stock
kernel prints the same: either the line matches lab/known-console.txt, which
says why for each, or it stands in the console log of a stock guest that ran
the same test (baseline).  Lines are compared without what differs from run to
run: time stamps, addresses, CPU and process numbers.
"""

import os
import re

from .errors import LabError

KNOWN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                     "known-console.txt")

COMPLAINT = re.compile(
    r"""\bWARNING:|\bBUG:|\bBUG\ at|\bkernel\ BUG|\bOops\b|cut\ here|Kernel\ panic
      |general\ protection\ fault|unable\ to\ handle|double\ fault|\#V[CE]\b.*exception
      |KASAN:|KFENCE:|KCSAN:|UBSAN:|refcount_t:|DEBUG_LOCKS_WARN_ON
      |possible\ (recursive\ locking|circular\ locking|irq\ lock|deadlock)
      |inconsistent\ lock\ state|suspicious\ RCU\ usage|INFO:\ rcu|rcu:.*stall
      |soft\ lockup|hard\ LOCKUP|blocked\ for\ more\ than|sleeping\ function\ called
      |scheduling\ while\ atomic|bad\ page\ state|Bad\ page|unreferenced\ object
      |list_(add|del)\ corruption|DMA-API:|nobody\ cared|Call\ Trace:|stack\ guard
      |init:\ insmod\ .*failed
      |segfault\ at|stack-protector|end_trace|---\[\ end""", re.X)
CUT = re.compile(r"-\[ cut here \]-")
END = re.compile(r"---\[ end trace ")
STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?")
VOLATILE = ((re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,16}\b"), "X"),
            (re.compile(r"\+X/X"), ""),
            (re.compile(r"\b(CPU|PID|pid|cpu)[:#]? *\d+"), r"\1 N"),
            (re.compile(r"\d+"), "N"))


def read(path):
    """The lines of a console log, without control characters."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            text = file.read()
    except OSError as err:
        raise LabError(f"cannot read console log {path}: {err.strerror}") from None
    return [re.sub(r"\x1b\[[0-9;?=]*[a-zA-Z]|[\x00-\x08\x0b-\x1f]", "", line)
            for line in text.split("\n")]


def normal(line):
    """line without what differs between two runs of one kernel."""
    line = STAMP.sub("", line).strip()
    for pattern, instead in VOLATILE:
        line = pattern.sub(instead, line)
    return line


def load_known(path=KNOWN):
    """Rules: [(platform or "*", compiled pattern)].  Each needs a reason."""
    rules = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.match(r"^(\S+)\s+(.*?)\s{2,}# \S", line)
            if not match:
                raise LabError(f"{os.path.basename(path)}:{number}: expected "
                               "'PLATFORM REGEX  # reason'")
            rules.append((match.group(1), re.compile(match.group(2))))
    return rules


def splats(lines):
    """Group complaints.  Yield (title, lines): what stands between "cut here"
    and "end trace" is one, whose title is its first telling line; elsewhere,
    and in a block that does not end, each complaining line is one of its own."""
    block = None
    for line in lines:
        if CUT.search(line):
            yield from _single(block or [])
            block = [line]
        elif block is not None:
            block.append(line)
            if END.search(line):
                yield _title(block), block
                block = None
        elif COMPLAINT.search(line):
            yield line, [line]
    yield from _single(block or [])


def _single(lines):
    for line in lines:
        if COMPLAINT.search(line):
            yield line, [line]


def _title(block):
    return next((line for line in block[1:] if COMPLAINT.search(line)), block[0])


def complaints(lines, platform, baseline=(), rules=None):
    """The titles of what fails a test: neither known nor in baseline."""
    rules = load_known() if rules is None else rules
    usual = {normal(title) for title, _ in splats(baseline)}

    def known(block):
        return any(name in ("*", platform) and rule.search(line)
                   for name, rule in rules for line in block)
    return [title for title, block in splats(lines)
            if normal(title) not in usual and not known(block)]
