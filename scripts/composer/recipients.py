# SPDX-License-Identifier: GPL-2.0
"""Who should get a section: the kernel's get_maintainer.pl, without a checkout.

Invariant: runs the script of the composed tree on its MAINTAINERS, in an empty
folder; no history, no configuration of a person and no network takes part.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from .errors import ComposeError

_SCRIPT = "scripts/get_maintainer.pl"
_FILES = ("MAINTAINERS", ".mailmap", ".get_maintainer.ignore", _SCRIPT)
_OPTIONS = ("--no-tree", "--no-git", "--no-git-fallback", "--no-fixes", "--rolestats",
            "--multiline")
_LINE = re.compile(r"(?P<who>.*?)(?: \((?P<role>[^()]*(?:\([^()]*\)[^()]*)*)\))?$")
_HEAD = """\
# {section}: what scripts/get_maintainer.pl says, for the person who sends the mails.
"""


class Recipients:
    """Asks get_maintainer.pl of one commit; says nothing where there is none."""

    def __init__(self, store, project, commit):
        # QEMU takes no generated code: those mails are not to be sent.
        self.files = {}
        if project.name == "linux":
            for path in _FILES:
                code, out, _ = store.call("show", f"{commit}:{path}")
                if not code:
                    self.files[path] = out

    def there(self):
        """Whether the tree has what is needed."""
        return _SCRIPT in self.files and "MAINTAINERS" in self.files

    def of(self, mails):
        """'To:' and 'Cc:' lines for some mails, or an empty text."""
        if not self.there():
            return ""
        with tempfile.TemporaryDirectory(prefix="compose-cc-") as folder:
            for path, data in self.files.items():
                (Path(folder) / path).parent.mkdir(exist_ok=True)
                (Path(folder) / path).write_bytes(data)
            out = _run(folder, mails)
        to, cc = [], []
        for line in out.split("\n"):
            match = _LINE.match(line.strip())
            if not match["who"]:
                continue
            role = match["role"] or ""
            person = re.match(r"(maintainer|supporter)\b", role)
            (to if person else cc).append(f"{match['who']}  # {role}" if role else match["who"])
        return (_HEAD.format(section=mails[0].parent.name)
                + "".join(f"To: {p}\n" for p in to) + "".join(f"Cc: {p}\n" for p in cc))


def _run(folder, mails):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PERL"))}
    env.update({"HOME": folder, "LC_ALL": "C.UTF-8"})
    try:
        done = subprocess.run(["perl", _SCRIPT, *_OPTIONS, *[str(m) for m in mails]],
                              cwd=folder, env=env, capture_output=True, text=True,
                              encoding="utf-8", errors="replace", check=False)
    except FileNotFoundError as err:
        raise ComposeError("perl is not installed: get_maintainer.pl needs it to say who "
                           "should get the mails") from err
    if done.returncode:
        lines = done.stderr.strip().split("\n")
        raise ComposeError(f"{_SCRIPT} of the composed tree failed: {lines[0]}", lines[1:6])
    return done.stdout
