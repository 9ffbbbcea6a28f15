# SPDX-License-Identifier: GPL-2.0
"""Each section on what it needs: the trees that its receivers get.

The series is one line of commits; a section may need only some of those before
it. Its chain is the base, the sections that it needs, and the section.

Invariants: nothing is applied with fuzz. Where a chain has the same patches as
the series, it has the same trees (and, with the same messages, commits).
"""

from dataclasses import dataclass

from . import compose
from .errors import ComposeError


@dataclass
class Link:
    """A patch in a chain: its tree, and the one below it."""

    patch: object
    below: str
    tree: str
    date: int


class Chains:
    """Trees of the sections' chains, each made once."""

    def __init__(self, store, base, series, composed):
        self.store = store
        self.series = series
        self.base = base
        self.by_name = {c.patch.name: c for c in composed}
        trees = store.text("rev-parse", f"{base}^{{tree}}",
                           *[f"{c.commit}^{{tree}}" for c in composed]).split("\n")
        self.root = trees[0]
        self.known = {(below, c.patch.name): tree
                      for below, tree, c in zip(trees, trees[1:], composed)}
        self.index = None       # the tree that the store's index holds
        self.dates = {c.patch.name: int(store.text("log", "-1", "--format=%ct", c.commit))
                      for c in composed}

    def links(self, section):
        """The chain of a section, the sections below it first, as Links."""
        tree, links = self.root, []
        for one in self.series.below(section) + [section]:
            for name in one.names():
                below, tree = tree, self._tree(tree, name, section)
                links.append(Link(self.by_name[name].patch, below, tree, self.dates[name]))
        return links

    def commits(self, links, message=lambda patch: patch, parent=None):
        """Commit links (on the base, or on a parent); return the commit ids."""
        tip, made = parent or self.base, []
        for link in links:
            tip = compose.commit_tree(self.store, link.tree, tip, message(link.patch), link.date)
            made.append(tip)
        return made

    def _tree(self, below, name, section):
        key = (below, name)
        if key not in self.known:
            self.known[key] = self._apply(below, self.by_name[name], section)
        return self.known[key]

    def _apply(self, below, composed, section):
        if self.index != below:
            self.store.run("read-tree", below)
        self.index = None
        diff = self.store.run("diff-tree", "-p", "--binary", "--full-index", "--no-renames",
                              "--no-ext-diff", "--no-textconv", "--no-color",
                              "--src-prefix=a/", "--dst-prefix=b/",
                              composed.parent, composed.commit)
        code, _, err = self.store.call("apply", "--cached", data=diff)
        if code:
            stands = ", ".join(s.name for s in self.series.below(section)) or "the base alone"
            reason = "a section of fixes" if section.fixes else f"needs: {stands}"
            raise ComposeError(
                f"section '{section.name}' does not apply on {stands}: {composed.patch.name} "
                f"fails ({reason} in the series file)",
                [l for l in err.strip().split("\n") if l.startswith("error:")][:6])
        self.index = self.store.text("write-tree")
        return self.index
