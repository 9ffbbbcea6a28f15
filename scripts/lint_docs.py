# SPDX-License-Identifier: GPL-2.0
"""What lint asks of documentation: kernel-doc comments."""

import collections
import re
import subprocess
import sys
import tempfile

import ktap
import lint_cache
from lint_series import ENV, Series, result

KERNEL_DOC = re.compile(r"^\w+: (?P<path>[^\s:]+):\d+:? (?P<text>.*)$")


def doc_findings(text):
    """{file: Counter} of kernel-doc's output, without line numbers."""
    found, path = collections.defaultdict(collections.Counter), ""
    for line in filter(str.strip, text.splitlines()):
        match = KERNEL_DOC.match(line)
        path = match["path"] if match else path
        found[path][match["text"] if match else line] += 1
    return found


def document(lint, rev, paths):
    """{file: Counter} of what scripts/kernel-doc says of files of a revision.

    All files that the cache does not know are given to one process, in a
    folder that holds nothing else but the tool.
    """
    cache = lint_cache.Cache("kernel-doc")
    mine = lint_cache.source(document, doc_findings), KERNEL_DOC.pattern
    names = {path: lint_cache.key(mine, lint.base_tree, path, blob)
             for path, blob in lint.blobs(rev, paths).items()}
    known = {path: cache.get(name) for path, name in names.items()}
    asked = [path for path in names if known[path] is None]
    if asked:
        with tempfile.TemporaryDirectory(prefix="lint-") as folder:
            tar = subprocess.run(
                ["git", "-C", lint.repo, "archive", rev, "scripts/kernel-doc", "tools/docs",
                 "tools/lib/python", *asked], check=True, stdout=subprocess.PIPE).stdout
            subprocess.run(["tar", "-x", "-C", folder], check=True, input=tar)
            run = subprocess.run(["scripts/kernel-doc", "-Wall", "-none", *asked],
                                 cwd=folder, text=True, capture_output=True, env=ENV)
        # It prints its findings on both.
        out, err = doc_findings(run.stdout), doc_findings(run.stderr)
        strange = (set(out) | set(err)) - set(asked)
        if run.returncode or strange:
            sys.exit("lint: error: kernel-doc failed or its output cannot be read: "
                     f"{(run.stderr or run.stdout).strip()[-400:]}")
        for path in asked:
            known[path] = cache.put(names[path], out[path] | err[path])
    return {path: collections.Counter(found) for path, found in known.items()}


def kernel_doc():
    """kernel-doc on every touched source and header."""
    lint = Series("linux")
    paths = [p for p in lint.files(".c", ".h") if not p.startswith("tools/")]
    new = document(lint, lint.tip, paths)
    old = document(lint, lint.base, [p for p in paths if new.get(p)])
    writer = ktap.Writer(sys.stdout, len(paths))
    for path in paths:
        fresh = new.get(path, collections.Counter()) - old.get(path, collections.Counter())
        result(writer, not fresh, f"kernel-doc {path}", fresh.elements())
    return writer.ok()
