# SPDX-License-Identifier: GPL-2.0
"""What lint asks of documentation: kernel-doc comments, and pages of HTML."""

import collections
import re
import shutil
import subprocess
import sys
import tempfile

import ktap
import lint_cache
from lint_series import ENV, JOBS, Series, kernel_tree, output, result

KERNEL_DOC = re.compile(r"^\w+: (?P<path>[^\s:]+):\d+:? (?P<text>.*)$")


def doc_findings(text):
    """{file: Counter} of kernel-doc's output, without line numbers.

    It says everything twice. What follows a finding belongs to it.
    """
    found, seen, path, again = collections.defaultdict(collections.Counter), set(), "", False
    for line in filter(str.strip, text.splitlines()):
        match = KERNEL_DOC.match(line)
        if match:
            path, again = match["path"], line in seen
            seen.add(line)
        if not again:
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


# "/tree/file.rst:12: WARNING: text" and "WARNING: /tree/file.c:12 text"
WARNING = re.compile(r"\b(WARNING|ERROR|CRITICAL|SEVERE)\b")


def page_findings(text, tree):
    """Counter of the warnings of a build, without the tree and line numbers."""
    lines = [line.replace(f"{tree}/", "") for line in text.splitlines()
             if WARNING.search(line)]
    return collections.Counter(re.sub(r":\d+", "", line) for line in lines)


def folders(lint, pages):
    """The folders of pages that can be built alone: those with an index."""
    docs = lint.blobs(lint.tip, ["Documentation"])
    found = set()
    for page in pages:
        folder = page
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if f"{folder}/index.rst" in docs:
                found.add(folder.removeprefix("Documentation/"))
                break
    return sorted(found)


def pages_of(kernel, dirs):
    """Build folders of Documentation anew; (warnings, output folder)."""
    tree = kernel_tree(kernel)
    # Sphinx warns only of pages that it reads again.
    shutil.rmtree(tree / "build-docs", ignore_errors=True)
    (tree / "build-docs").mkdir()
    run = subprocess.run(
        ["make", "-C", tree, "O=build-docs", f"SPHINXDIRS={' '.join(dirs)}",
         f"-j{JOBS}", "htmldocs"], text=True, errors="replace", env=ENV,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if run.returncode:
        sys.exit(f"lint: error: 'make htmldocs' of the {kernel} kernel failed: "
                 + "\n".join(run.stdout.strip().splitlines()[-5:]))
    return page_findings(run.stdout, tree), tree / "build-docs/Documentation/output"


def htmldocs():
    """make htmldocs: no warning that the base has not, and a page for each file."""
    lint = Series("linux")
    sphinx = shutil.which("sphinx-build", path=ENV["PATH"])
    if not sphinx:
        sys.exit("lint: error: sphinx-build is not installed: run 'scripts/deps full'")
    touched = [f for f in lint.files("") if f.startswith("Documentation/")]
    pages = [f for f in touched if f.endswith(".rst")]
    dirs = folders(lint, pages)
    new, where = pages_of("series", dirs)
    name = lint_cache.key(lint_cache.source(pages_of, page_findings), lint.base_tree, dirs,
                          output(sphinx, "--version"))
    old = collections.Counter(lint_cache.Cache("htmldocs").through(
        name, lambda: pages_of("stock", dirs)[0]))
    fresh = new - old
    writer = ktap.Writer(sys.stdout, len(touched) + 1)
    writer.note(f"the pages are in {where}")
    for path in touched:
        wrong = [line for line in fresh.elements() if path in line]
        html = where / path.removeprefix("Documentation/").replace(".rst", ".html")
        if path in pages and not html.is_file():
            wrong.append(f"{path} gives no page: {html} does not exist")
        result(writer, not wrong, f"htmldocs {path}", wrong)
    wrong = [line for line in fresh.elements() if not any(p in line for p in touched)]
    result(writer, not wrong, "htmldocs other files", wrong)
    return writer.ok()
