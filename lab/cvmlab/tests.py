# SPDX-License-Identifier: GPL-2.0
"""Guest tests: lab/guest/tests/NAME, one shell script each, with a header.

    # test: one-line purpose
    # platforms: plain sev tdx          (default: all)
    # devices: virtio-blk nvme          (default: none)
    # timeout: 120                      (seconds, default 120)
    # append: kernel parameters         (default: none)
    # memory: 1G                        (default 4G)
    # cpus: 1                           (default 2)
    # nodes: 3G 1G                      (default: no NUMA; their sum is the memory)
    # programs: names in guest/src      (default: none), in the guest's PATH
    # modules: xen_netback              (default: none; beside those of its devices), loaded
    #                                   where the kernel has modules: lab/run --modules
    # flags: reboot kunit kselftest     (default: none; see FLAGS)

The header is what the runner needs before the guest exists; all else is in
the script, which prints KTAP.
"""

import os
import re
from dataclasses import dataclass, field

from . import helpers
from .errors import LabError

TEST_DIR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                        "guest", "tests")
FLAGS = {
    "reboot": "the guest may reset itself, the runner lets it",
    "kunit": "the console carries KUnit's KTAP, which is part of the result",
    "kselftest": "the programs of tools/testing/selftests/{cvm,xen_shim} go into the guest",
    "kexec": "the guest has its kernel and initramfs in /lab/kexec and may start them",
    "icount": "QEMU counts instructions, and the guest can read the counter at INSN_PORT",
    "slow": "each instruction takes 64 ns instead of one: the guest's clock tells them apart",
}
X86_FLAGS = ("kselftest", "kexec")      # what they bring is built for x86
SIZE = r"[1-9]\d*[MG]"
HEADER = re.compile(r"^# (test|platforms|devices|timeout|append|memory|cpus|nodes|programs|modules|flags): *(.*?) *$")


@dataclass
class GuestTest:
    name: str
    path: str
    purpose: str
    platforms: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    timeout: float = 120.0
    append: str = ""
    memory: str = "4G"
    cpus: int = 2
    programs: list = field(default_factory=list)
    flags: list = field(default_factory=list)
    nodes: list = field(default_factory=list)
    modules: list = field(default_factory=list)

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
    programs = found.get("programs", "").split()
    for program in programs:
        if program not in helpers.names():
            raise LabError(f"guest test {name}: unknown program '{program}'; "
                           f"there are: {' '.join(helpers.names())}")
    nodes = found.get("nodes", "").split()
    if nodes and "memory" in found:
        raise LabError(f"guest test {name}: the sum of its nodes is its memory")
    for memory in (*nodes, found.get("memory", "4G")):
        if not re.fullmatch(SIZE, memory):
            raise LabError(f"guest test {name}: memory '{memory}' is no size such as 512M or 4G")
    return GuestTest(name, path, found["test"], found.get("platforms", "").split(),
                     found.get("devices", "").split(),
                     _number(name, found, "timeout", float, 120), found.get("append", ""),
                     total(nodes) if nodes else memory, _number(name, found, "cpus", int, 2),
                     programs, flags, nodes, found.get("modules", "").split())


def total(sizes):
    """The sum of sizes such as 512M and 4G, as such a size."""
    unit = {"M": 1, "G": 1024}
    return f"{sum(int(size[:-1]) * unit[size[-1]] for size in sizes)}M"


def _number(name, found, key, kind, default):
    """A header's value as a number that is greater than 0."""
    try:
        value = kind(found.get(key, default))
    except ValueError:
        value = 0
    if value <= 0:
        raise LabError(f"guest test {name}: {key} '{found[key]}' is no number above 0")
    return value
