# SPDX-License-Identifier: GPL-2.0
"""Results of checks, kept in the cache folder by what they depend on.

Invariants: a key is a hash of everything that can change the result, so that
an entry is never wrong, only unused. What a check found is kept as it is,
failures too: a failure from the cache says what the first one said. An entry
that cannot be read is no entry. Entries that were not used lately are removed.
"""

import hashlib
import inspect
import json
import os
import tempfile
from pathlib import Path

MAX_ENTRIES = 5000
MAX_BYTES = 64 << 20


def folder():
    """Where entries live: $CACHE/lint, as scripts/lib.sh derives $CACHE."""
    env = os.environ
    xdg = env.get("XDG_CACHE_HOME") or os.path.join(env.get("HOME", "/"), ".cache")
    return Path(env.get("CACHE") or os.path.join(xdg, "cvm-io")) / "lint"


def key(*parts):
    """The hash of strings, bytes and lists of them; the order counts."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, (list, tuple)):
            part = key(*part)
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def source(*functions):
    """The text of functions that make a result: part of its key."""
    return [inspect.getsource(function) for function in functions]


class Cache:
    """The entries of one kind of check."""

    def __init__(self, kind, where=None):
        self.where = Path(where or folder())
        self.kind = kind

    def _path(self, name):
        return self.where / f"{self.kind}-{name}"

    def get(self, name):
        """What put() was given, or None."""
        path = self._path(name)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            os.utime(path)
        except (OSError, ValueError):
            return None
        return value

    def put(self, name, value):
        """Keep a value that JSON can hold; a full disk loses only the entry."""
        try:
            self.where.mkdir(parents=True, exist_ok=True)
            file, new = tempfile.mkstemp(prefix=".new-", dir=self.where)
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                json.dump(value, stream)
            os.replace(new, self._path(name))
        except OSError:
            pass
        return value

    def through(self, name, make):
        """The entry, or what make() returns, which is then kept."""
        value = self.get(name)
        return self.put(name, make()) if value is None else value


def prune(where=None, entries=MAX_ENTRIES, size=MAX_BYTES):
    """Remove what was not used for longest, until the rest fits."""
    found = []
    for path in Path(where or folder()).glob("*"):
        try:
            info = path.stat()
        except FileNotFoundError:
            continue            # another run removed it
        found.append((info.st_mtime, info.st_size, path))
    found.sort(key=lambda entry: entry[:2], reverse=True)
    kept = 0
    for number, (_, length, path) in enumerate(found):
        kept += length
        if number >= entries or kept > size:
            path.unlink(missing_ok=True)
