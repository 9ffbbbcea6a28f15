#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Read, count and write KTAP, the kernel's test protocol.

Every check of this project prints KTAP version 1 (Documentation/dev-tools/
ktap.rst of the kernel); this file is the one place that knows the format:

  parse(lines)       -> Report, from a guest's output, a kernel console log
                        (time stamps are dropped) or a test program
  Writer(stream, n)  -> prints one level of results with its plan
  run_unittests(...) -> runs Python unittest cases and prints them as KTAP

  ktap.py FILE...    prints what failed, what was skipped and why, and ends
                     with "N passed, N failed, N skipped"; "-" is stdin

Invariants: nothing passes silently.  A stream without a plan, with fewer or
more results than planned, with results out of order, or without any result is
a failure.  Only leaves are counted: a test with subtests stands for them,
unless it failed although each of them passed.
"""

import argparse
import multiprocessing
import re
import sys
import traceback
import unittest
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

Counts = namedtuple("Counts", "passed failed skipped")

# "[    1.234567] " and "[    1.234567][   T12] " (CONFIG_PRINTK_CALLER), with
# the level "<6>" that a raw /dev/kmsg or loglevel-prefixed console puts first.
STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?")
VERSION = re.compile(r"^( *)(?:KTAP version 1|TAP version 1[34])\s*$")
PLAN = re.compile(r"^( *)1\.\.(\d+)(?:\s+#\s*(SKIP)\b[:\s]*(.*))?\s*$", re.I)
RESULT = re.compile(r"^( *)(not ok|ok)(?: (\d+))?(?:\s+(.*))?$")
DIRECTIVE = re.compile(r"^(.*?)\s*(?<!\\)#\s*(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b"
                       r"[:\s]*(.*)$", re.I)
SUBTEST = re.compile(r"^( *)# Subtest: (.*)$")
COMMENT = re.compile(r"^ *# ?(.*)$")


@dataclass
class Result:
    """One test: its status, why, and the tests nested in it."""
    name: str
    status: str
    reason: str = ""
    subtests: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def leaves(self, path=""):
        """Yield (path, status, reason) for everything that is counted."""
        here = f"{path}/{self.name}" if path else self.name
        failed_below = False
        for sub in self.subtests:
            for leaf in sub.leaves(here):
                failed_below |= leaf[1] == FAILED
                yield leaf
        for error in self.errors:
            failed_below = True
            yield here, FAILED, error
        if not self.subtests and not self.errors:
            notes = "\n".join(self.notes) if self.status == FAILED else ""
            yield here, self.status, self.reason or notes
        elif self.status == FAILED and not failed_below:
            yield here, FAILED, self.reason or "failed, though no subtest did"


@dataclass
class Report:
    """All tests of one input, and what was wrong with the input itself."""
    tests: list = field(default_factory=list)
    errors: list = field(default_factory=list)

    def leaves(self):
        for test in self.tests:
            yield from test.leaves()
        for error in self.errors:
            yield "(output)", FAILED, error

    @property
    def counts(self):
        states = [status for _, status, _ in self.leaves()]
        return Counts(*(states.count(s) for s in (PASSED, FAILED, SKIPPED)))

    def ok(self):
        return self.counts.failed == 0


class _Block:
    """One open level: a version line and what followed it."""

    def __init__(self, indent, name=""):
        self.indent = indent
        self.name = name
        self.subtest_header = False
        self.plan = None
        self.results = []
        self.notes = []
        self.errors = []
        self.skip_all = None

    def close(self):
        """Check the plan; return the level's results and errors."""
        done = len(self.results)
        if self.skip_all is not None and not done:
            self.results.append(Result(self.name or "all", SKIPPED, self.skip_all))
        elif self.plan is None and not (self.subtest_header and self.indent > 4):
            # KUnit prints no plan for a parameterised test (third level)
            self.errors.append(f"no plan after {done} results")
        elif self.plan is not None and done != self.plan:
            self.errors.append(f"planned {self.plan} tests, saw {done}")
        elif not done:
            self.errors.append("no result")
        return self.results, self.errors


class Parser:
    """Feed lines, then finish(); nesting follows the indentation."""

    def __init__(self):
        self.report = Report()
        self.stack = []
        self.streams = 0

    def feed(self, line):
        line = STAMP.sub("", line.rstrip("\r\n"), count=1)
        for pattern, handle in ((VERSION, self._version), (PLAN, self._plan),
                                (RESULT, self._result), (SUBTEST, self._subtest)):
            match = pattern.match(line)
            if match:
                handle(len(match.group(1)), match)
                return
        comment = COMMENT.match(line)
        if comment and self.stack:
            self.stack[-1].notes.append(comment.group(1))

    def finish(self):
        while self.stack:
            self._orphan(self.stack.pop())
        if not self.streams:
            self.report.errors.append("no KTAP output (no version line)")
        return self.report

    def _orphan(self, block):
        """A block ends without its parent's result line."""
        results, errors = block.close()
        parent = self.stack[-1] if self.stack else None
        if parent is None:
            self.report.tests += results
            self.report.errors += errors
            return
        errors.append("ended without the result of the whole")
        name = block.name or f"(test {len(parent.results) + 1})"
        parent.results.append(Result(name, FAILED, "", results, errors, block.notes))

    def _version(self, indent, _match):
        while self.stack and self.stack[-1].indent >= indent:
            self._orphan(self.stack.pop())
        self.streams += 1
        self.stack.append(_Block(indent))

    def _plan(self, indent, match):
        block = self._block(indent)
        if block is None:
            return
        if block.plan is not None:
            block.errors.append("a second plan")
        block.plan = int(match.group(2))
        if match.group(3):
            block.skip_all = match.group(4)

    def _subtest(self, indent, match):
        block = self._block(indent)
        if block is not None:
            block.name = match.group(2)
            block.subtest_header = True

    def _block(self, indent):
        """The open block at exactly this indentation, or None."""
        for block in self.stack:
            if block.indent == indent:
                return block
        return None

    def _result(self, indent, match):
        block = self._block(indent)
        if block is None or not (match.group(3) or match.group(4)):
            return
        child = None
        while self.stack[-1] is not block:
            child = self.stack.pop()
            if self.stack[-1] is not block:
                self._orphan(child)
        number = int(match.group(3) or len(block.results) + 1)
        if number != len(block.results) + 1:
            block.errors.append(f"result {number} where {len(block.results) + 1} was due")
        result = _judge(match.group(2), match.group(4) or "")
        result.notes, block.notes = block.notes, []
        if child is not None:
            result.subtests, result.errors = child.close()
            result.notes += child.notes
        block.results.append(result)


def _judge(verdict, text):
    """Turn "ok"/"not ok" and the rest of the line into a Result."""
    directive = DIRECTIVE.match(text)
    name, reason = text, ""
    status = PASSED if verdict == "ok" else FAILED
    if directive:
        name, word, reason = directive.groups()
        word = word.upper()
        if word == "SKIP":
            status = SKIPPED
        elif word in ("TODO", "XFAIL") and status == FAILED:
            # expected to fail: neither a pass nor news, but visible
            status, reason = SKIPPED, f"{word} {reason}".strip()
        elif status == FAILED:
            reason = f"{word} {reason}".strip()
    elif " # " in text:
        name, reason = text.split(" # ", 1)
    name = re.sub(r"^- ", "", name.strip())
    return Result(name or "(unnamed)", status, reason.strip())


def parse(lines):
    """Parse an iterable of text lines.  Return: a Report, never an exception."""
    parser = Parser()
    for line in lines:
        parser.feed(line)
    return parser.finish()


def _clean(text):
    """One line without "#", so that it cannot be taken for a directive."""
    return " ".join(str(text).replace("#", "No.").split())


class Writer:
    """Print one level of results.  The plan is printed first."""

    def __init__(self, stream, plan, indent=0):
        self.stream = stream
        self.pad = " " * indent
        self.plan = plan
        self.done = 0
        self.failed = 0
        self._line("KTAP version 1")
        self._line(f"1..{plan}")

    def _line(self, text):
        print(self.pad + text, file=self.stream, flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            self._line(f"# {line}")

    def result(self, ok, name, reason=""):
        self.done += 1
        self.failed += not ok
        tail = f" # {' '.join(str(reason).split())}" if reason else ""
        self._line(f"{'ok' if ok else 'not ok'} {self.done} {_clean(name)}{tail}")

    def skip(self, name, reason):
        self.done += 1
        self._line(f"ok {self.done} {_clean(name)} # SKIP {' '.join(str(reason).split())}")

    def ok(self):
        return self.failed == 0 and self.done == self.plan


def emit(writer, result):
    """Print a Result, with what is nested in it, as the writer's next test."""
    failed = result.status == FAILED or bool(result.errors)
    if result.subtests or result.errors:
        sub = Writer(writer.stream, len(result.subtests) + len(result.errors),
                     len(writer.pad) + 2)
        for test in result.subtests:
            emit(sub, test)
        for error in result.errors:
            sub.result(False, "(output)", error)
        failed |= sub.failed > 0
    if failed:
        for note in result.notes:
            writer.note(note)
    if result.status == SKIPPED and not failed:
        writer.skip(result.name, result.reason)
    else:
        writer.result(not failed, result.name, result.reason)


class _UnittestResult(unittest.TestResult):
    """Reports unittest cases through a Writer, each exactly once."""

    def __init__(self, writer, cases):
        super().__init__()
        self.writer = writer
        self.left = {case.id(): case for case in cases}
        self.subfailed = set()
        self.class_state = []

    @staticmethod
    def _name(test):
        return ".".join(test.id().split(".")[-2:])

    def _emit(self, test, ok, note=""):
        if self.left.pop(test.id(), None) is None:
            # setUpClass and friends are no case of the plan; their cases are
            # reported by finish()
            self.class_state.append((str(test), ok, note))
            return
        if note:
            self.writer.note(note)
        self.writer.result(ok, self._name(test))

    def addSuccess(self, test):
        self._emit(test, test.id() not in self.subfailed)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.subfailed.add(test.id())
            self.writer.note(f"{subtest}: " + "".join(traceback.format_exception(*err)))

    def stopTest(self, test):
        super().stopTest(test)
        if test.id() in self.subfailed and test.id() in self.left:
            self._emit(test, False)

    def addFailure(self, test, err):
        self._emit(test, False, "".join(traceback.format_exception(*err)))

    addError = addFailure

    def addSkip(self, test, reason):
        if self.left.pop(test.id(), None) is None:
            self.class_state.append((str(test), None, reason))
            return
        self.writer.skip(self._name(test), reason)

    def addExpectedFailure(self, test, err):
        self._emit(test, True)

    def addUnexpectedSuccess(self, test):
        self._emit(test, False, "passed, but was expected to fail")

    def finish(self):
        """Report the cases that never ran, with the class-level reason."""
        for case in list(self.left.values()):
            where = f"({type(case).__module__}.{type(case).__qualname__})"
            ok, note = next(((ok, note) for name, ok, note in self.class_state
                             if where in name), (False, "did not run"))
            if ok is None:
                self.writer.skip(self._name(case), note)
            else:
                self._emit(case, False, note)


def _cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _cases(item)
        else:
            yield item


class _Recorder:
    """Stands for a Writer in a child process; replay() is for the parent."""

    def __init__(self):
        self.calls = []

    def note(self, text):
        self.calls.append(("note", text))

    def result(self, ok, name, reason=""):
        self.calls.append(("result", ok, name, reason))

    def skip(self, name, reason):
        self.calls.append(("skip", name, reason))

    def replay(self, writer):
        for name, *args in self.calls:
            getattr(writer, name)(*args)


def _run_cases(writer, cases):
    result = _UnittestResult(writer, cases)
    unittest.TestSuite(cases).run(result)
    result.finish()


_CLASSES = []               # what children find after the fork


def _run_class(number):
    recorder = _Recorder()
    _run_cases(recorder, _CLASSES[number])
    return recorder


def _run_parallel(writer, cases, jobs):
    """Each class is run in a child; results are printed in the usual order."""
    classes = {}
    for case in cases:
        classes.setdefault(type(case), []).append(case)
    _CLASSES[:] = classes.values()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        for recorder in pool.map(_run_class, range(len(_CLASSES))):
            recorder.replay(writer)


def run_unittests(*what, stream=None, only=None, jobs=1):
    """Run unittest cases and print KTAP.

    what: modules, TestCase classes, TestSuites or directories (discovered as
    test_*.py); nothing means __main__.  only: keep cases whose id contains it.
    jobs: classes that run at a time; they must not depend on each other.
    Return: 0 if every case passed or was skipped, 1 otherwise (also if there
    is no case at all); meant for sys.exit().
    """
    loader = unittest.TestLoader()
    suites = []
    for item in what or (sys.modules["__main__"],):
        if isinstance(item, unittest.TestSuite):
            suites.append(item)
        elif isinstance(item, type):
            suites.append(loader.loadTestsFromTestCase(item))
        elif isinstance(item, str):
            suites.append(loader.discover(item, top_level_dir=item))
        else:
            suites.append(loader.loadTestsFromModule(item))
    cases = [c for c in _cases(suites) if only is None or only in c.id()]
    writer = Writer(stream or sys.stdout, len(cases))
    if jobs > 1:
        _run_parallel(writer, cases, jobs)
    else:
        _run_cases(writer, cases)
    return 0 if cases and writer.ok() else 1


def main(argv=None):
    ap = argparse.ArgumentParser(prog="ktap.py", description="count KTAP results")
    ap.add_argument("files", nargs="*", default=["-"], help="KTAP output; - is stdin")
    ap.add_argument("-q", "--quiet", action="store_true", help="only the last line")
    args = ap.parse_args(argv)
    total = [0, 0, 0]
    for name in args.files:
        try:
            report = _read(name)
        except OSError as err:
            print(f"ktap.py: cannot read {name}: {err.strerror}", file=sys.stderr)
            return 2
        for path, status, reason in report.leaves():
            if status != PASSED and not args.quiet:
                print(f"{status}: {name}: {path}" + (f" ({reason})" if reason else ""))
        total = [a + b for a, b in zip(total, report.counts)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


def _read(name):
    if name == "-":
        return parse(sys.stdin)
    with open(name, encoding="utf-8", errors="replace") as file:
        return parse(file)


if __name__ == "__main__":
    sys.exit(main())
