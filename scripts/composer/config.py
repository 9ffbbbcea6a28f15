# SPDX-License-Identifier: GPL-2.0
"""Where the parts of a project are.

Invariant: a Project only names places; it is immutable and reads nothing.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import ComposeError

NAMES = ("linux", "qemu")

# Top-level names of this repository that are never overlay, although some of
# them (scripts, Makefile, README, COPYING) exist in the base tree as well.
_OWN = {
    "linux": frozenset({"lab", "scripts", "qemu", "patches", "cover",
                        "configs", "out"}),
    "qemu": frozenset({"patches"}),
}


@dataclass(frozen=True)
class Project:
    """One patched source tree."""

    name: str
    top: Path           # the checkout of this repository
    root: Path          # where overlay files sit at their in-tree path
    base_repo: Path     # git directory that holds the base
    base_rev: str
    out: Path           # the editing tree
    own: frozenset      # names directly below root that are never overlay
    # True: only directories that the base has at its top may hold overlays
    # (root is shared with other things). False: root holds nothing else.
    base_dirs_only: bool

    @property
    def patch_dir(self):
        """Directory of the patch files."""
        return self.root / "patches"

    @property
    def series_file(self):
        """The ordered list of patches."""
        return self.patch_dir / "series"

    @property
    def mails(self):
        """Directory that the mails are written to."""
        name = "mails" if self.name == "linux" else f"mails-{self.name}"
        return self.out.parent / name

    @property
    def ref_prefix(self):
        """Namespace of our refs: several checkouts can share a base repository."""
        key = f"{self.name}\0{self.top}\0{self.out}".encode()
        return "refs/composer/" + hashlib.sha1(key).hexdigest()[:12]

    def shown(self, path):
        """A path as the user would type it from the top of the checkout."""
        try:
            return str(Path(path).relative_to(self.top))
        except ValueError:
            return str(path)


def cache_folder():
    """The cache folder outside the checkout, as every script derives it."""
    env = os.environ
    if env.get("CACHE"):
        return Path(env["CACHE"])
    xdg = env.get("XDG_CACHE_HOME") or os.path.join(env.get("HOME", "/"), ".cache")
    return Path(xdg) / "cvm-io"


def project(name="linux", top=None, base_repo=None, base_rev=None, out=None):
    """Build the Project; None means the default. Raises ComposeError."""
    if name not in NAMES:
        raise ComposeError(f"unknown project '{name}': use one of {', '.join(NAMES)}")
    top = Path(top).resolve() if top else Path(__file__).resolve().parents[2]
    if not top.is_dir():
        raise ComposeError(f"no directory {top}: give the checkout with --root")
    return Project(
        name=name,
        top=top,
        root=top if name == "linux" else top / name,
        base_repo=Path(base_repo).absolute() if base_repo else cache_folder() / f"{name}.git",
        base_rev=base_rev or "base",
        out=Path(out).absolute() if out else top / "out" / name,
        own=_OWN[name],
        base_dirs_only=name == "linux",
    )
