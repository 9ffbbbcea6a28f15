# SPDX-License-Identifier: GPL-2.0-or-later
"""What the translator makes of instructions that order memory accesses."""
from checks import GUEST_OK, equal, named, need
from checks_count import number

ATOMIC = ("add", "xadd", "bts", "xchg", "cmpxchg", "cmpxchg16b")
FULL = "mb seq:all"


def operations(log):
    """Per instruction, by its offset in the page: what it consists of."""
    found = {}
    for line in log.splitlines():
        if line.startswith(" ---- "):
            ops = found[int(line.split()[1], 16)] = []
        elif found and line.startswith(" "):
            ops.append(line.strip())
    return found


def order(ops):
    """B for a full barrier, L for a load, S for a store."""
    letters = {"qemu_ld": "L", "qemu_st": "S"}
    return "".join("B" if op == FULL else letters.get(op[:7], "")
                   for op in ops)


def barriers(machine, kind):
    """With one vCPU, too: device emulation runs in other threads."""
    said = machine.run(kind, "barriers")
    equal("exit status", said.status, GUEST_OK, said)
    start, end = number(said, "start"), number(said, "end")
    log = machine.path("operations")
    again = machine.run(kind, "barriers", extra=(
        "-d", "op", "-dfilter", f"{start:#x}..{end - 1:#x}", "-D", log))
    equal("exit status", again.status, GUEST_OK, again)
    with open(log, encoding="utf-8") as f:
        text = f.read()
    found = operations(text)
    for name, want in (("plain", "LS"), *((n, "BLSB") for n in ATOMIC)):
        offset = number(said, name) & 0xfff
        need(offset in found, f"{name} was not translated", text)
        equal(f"order of {name}", order(found[offset]), want, text)


TESTS = [(barriers, ("plain", "sev", "tdx"))]


def all_tests():
    """List of (name, function of a Machine)."""
    return named(TESTS)
