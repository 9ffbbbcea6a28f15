# SPDX-License-Identifier: GPL-2.0
"""Patch file names for a list of commits.

Invariant: the names increase in the order of the commits, and a commit that
had a name keeps it wherever that is possible. The first two digits of a name
are its section.
"""

import re

from .errors import ComposeError
from .series import number_of


def slug(subject):
    """'mm: Add a Thing' -> 'mm-add-a-thing', about 40 characters, whole words."""
    words = re.sub(r"[^a-z0-9]+", " ", subject.lower()).split()
    text = words[0] if words else "patch"
    for word in words[1:]:
        if len(text) + 1 + len(word) > 40:
            break
        text += "-" + word
    return text


def _keepers(wanted):
    """Positions of the longest run of names whose numbers increase."""
    best = []           # best[i]: longest list of positions that ends at i
    for at, name in enumerate(wanted):
        if name is None:
            best.append([])
            continue
        before = [best[j] for j in range(at)
                  if best[j] and number_of(wanted[j]) < number_of(name)]
        best.append(max(before, key=len, default=[]) + [at])
    return set(max(best, key=len, default=[]))


def _between(low, high, count, tail):
    """count numbers strictly between low and high, round ones first; None if they do not fit."""
    for step in (10, 5, 2, 1) if tail else ():
        first = (low // step + 1) * step
        if first + step * (count - 1) < high:
            return [first + step * i for i in range(count)]
    if high - low - 1 < count:
        return None
    return [low + (high - low) * (i + 1) // (count + 1) for i in range(count)]


def assign(wanted, subjects, first_hundred=0):
    """Names for commits: wanted[i] is the name that commit i had, or None.

    first_hundred is the section of commits that have no named neighbour.
    Raise ComposeError when no number is free at a place.
    """
    keep = _keepers(wanted)
    names = [wanted[i] if i in keep else None for i in range(len(wanted))]
    at = 0
    while at < len(names):
        if names[at] is not None:
            at += 1
            continue
        end = at
        while end < len(names) and names[end] is None:
            end += 1
        numbers = _gap(names, at, end, first_hundred)
        for i, number in zip(range(at, end), numbers):
            tail = wanted[i][5:] if wanted[i] else slug(subjects[i]) + ".patch"
            names[i] = f"{number:04d}-{tail}"
        at = end
    return names


def _gap(names, at, end, first_hundred):
    before = number_of(names[at - 1]) if at else None
    after = number_of(names[end]) if end < len(names) else None
    hundred = before if before is not None else after
    hundred = first_hundred if hundred is None else hundred // 100
    low = before if before is not None else hundred * 100
    same = after is not None and after // 100 == hundred
    high = after if same else hundred * 100 + 100
    numbers = _between(low, high, end - at, not same)
    if numbers is None:
        raise ComposeError(
            f"no free number for {end - at} new patch(es) between {low:04d} and {high:04d}: "
            "rename a neighbour's file in patches/ and its line in series, then save again")
    return numbers
