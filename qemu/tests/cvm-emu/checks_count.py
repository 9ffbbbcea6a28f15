# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of isa-insn-count, on its own and beside cvm-emu."""
import re

import checks
from checks import ALL, Failed, GUEST_OK, equal, need, violations

KINDS = ("plain", *ALL)
DEVICE = ("-device", "isa-insn-count")
# Not shift=0: the count must not be mistaken for virtual time.
ICOUNT = "shift=2,sleep=off"


def counted(machine, kind, case, icount=ICOUNT):
    result = machine.run(kind, case, icount=icount, extra=DEVICE)
    equal("exit status", result.status, GUEST_OK, result)
    return result


def number(result, name):
    found = re.search(f"^{name} (0x[0-9a-f]+)$", result.console, re.M)
    need(found, f"the guest did not print '{name}'", result)
    return int(found[1], 16)


def count(machine, kind):
    counted(machine, kind, "count")


def count_repeats(machine, kind):
    """A run counts the same each time, since the machine was started."""
    have = {number(counted(machine, kind, "count"), "count")
            for _ in range(3)}
    equal("different counts", len(have), 1, have)


def count_calls(machine, kind):
    """Code counts the same, whatever time an instruction takes."""
    have = {number(counted(machine, kind, "count-calls", icount), "calls")
            for icount in (ICOUNT, ICOUNT, "shift=0,sleep=off")}
    equal("different counts", len(have), 1, have)


def count_violation(machine, kind):
    result = counted(machine, kind, "count-violation")
    equal("violations.cpu", violations(result.stats)["cpu"], 1, result)


def count_reset(machine, kind):
    counted(machine, kind, "count-reset")


def save(machine, kind, state):
    session = machine.start(kind, "count-migrates", "latched", extra=DEVICE,
                            icount=ICOUNT)
    try:
        session.qmp("stop")
        session.qmp("migrate", uri="file:" + state)
        session.wait_for("query-migrate", "completed")
    finally:
        session.kill()


def restore(machine, kind, state):
    session = machine.start(kind, "count-migrates", "", icount=ICOUNT,
                            extra=(*DEVICE, "-incoming", "file:" + state))
    try:
        session.wait_for("query-status", "paused")
        session.qmp("cont")
        session.hmp("o /b 0x71 0xa5")
        return session.wait()
    finally:
        session.kill()


def count_migrates(machine, kind):
    state = machine.path("state")
    try:
        save(machine, kind, state)
        result = restore(machine, kind, state)
    except (TimeoutError, OSError) as why:
        raise Failed(str(why)) from why
    equal("exit status", result.status, GUEST_OK, result)


def under_icount(test):
    """A test of cvm-emu, with instructions counted."""
    def run(machine, kind):
        test(machine.with_icount(ICOUNT), kind)
    run.__name__ = "icount_" + test.__name__
    return run


NONSENSE = {
    "no-icount": (DEVICE, "-icount shift=0,sleep=off"),
    "count-port": (("-icount", "shift=0", "-device",
                    "isa-insn-count,iobase=0x5c3"), "multiple of 8"),
}


def nonsense(name):
    args, message = NONSENSE[name]

    def test(machine):
        result = machine.run_command(machine.bare("-machine", "pc", *args))
        equal("exit status", result.status, 1, result)
        need(message in result.stderr, f"the error misses '{message}'",
             result)
    return test


TESTS = [
    (count, KINDS), (count_repeats, KINDS), (count_calls, ALL),
    (count_violation, ALL),
    (count_reset, ("plain",)), (count_migrates, ("plain",)),
    (under_icount(checks.stale), ALL), (under_icount(checks.smp), ALL),
    (under_icount(checks.mmio), ALL), (under_icount(checks.strict), ALL),
    (under_icount(checks.dma_private), ALL),
    (under_icount(checks.declare), ("sev",)),
    (under_icount(checks.halt), ("tdx",)),
]


def all_tests():
    """List of (name, function of a Machine)."""
    return (checks.named(TESTS) +
            [(f"nonsense-{name}", nonsense(name)) for name in NONSENSE])
