# SPDX-License-Identifier: GPL-2.0
"""Guest tests: lab/guest/tests/NAME, one shell script each, with a header.

    # test: one-line purpose
    # platforms: plain sev tdx          (default: all)
    # devices: virtio-blk nvme          (default: none)
    # timeout: 120                      (seconds, default 120)
    # append: kernel parameters         (default: none)
    # flags: reboot kunit kselftest     (default: none; see FLAGS)

The header is what the runner needs before the guest exists; all else is in
the script, which prints KTAP.
"""

import os
import re
from dataclasses import dataclass, field

from .errors import LabError

TEST_DIR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                        "guest", "tests")
FLAGS = {
    "reboot": "the guest may reset itself, the runner lets it",
    "kunit": "the console carries KUnit's KTAP, which is part of the result",
    "kselftest": "the programs of tools/testing/selftests/cvm go into the guest",
}
HEADER = re.compile(r"^# (test|platforms|devices|timeout|append|flags): *(.*?) *$")


@dataclass
class GuestTest:
    name: str
    path: str
    purpose: str
    platforms: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    timeout: float = 120.0
    append: str = ""
    flags: list = field(default_factory=list)

    def runs_on(self, platform):
        return not self.platforms or platform in self.platforms


def names():
    return sorted(n for n in os.listdir(TEST_DIR) if not n.startswith("."))


def load(name):
    """Read one test's header.  name: its name, or the path of a script."""
    path = name if os.sep in name else os.path.join(TEST_DIR, name)
    if not os.path.isfile(path):
        raise LabError(f"no guest test '{name}'; there are: {' '.join(names())}")
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                match = HEADER.match(line)
                if match:
                    found[match.group(1)] = match.group(2)
            elif line.strip():
                break
    return _checked(os.path.basename(path), path, found)


def _checked(name, path, found):
    if not found.get("test"):
        raise LabError(f"guest test {name}: its header has no '# test: purpose' line")
    flags = found.get("flags", "").split()
    for flag in flags:
        if flag not in FLAGS:
            raise LabError(f"guest test {name}: unknown flag '{flag}'; "
                           f"there are: {' '.join(FLAGS)}")
    try:
        timeout = float(found.get("timeout", 120))
    except ValueError:
        raise LabError(f"guest test {name}: timeout '{found['timeout']}' is no number") from None
    return GuestTest(name, path, found["test"], found.get("platforms", "").split(),
                     found.get("devices", "").split(), timeout,
                     found.get("append", ""), flags)
