# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of Hyper-V's interface, without and with isolation."""
from checks import GUEST_OK, equal, named, need, none
from checks_count import number, under_icount

BOTH = ("hyperv", "hyperv-vbs")
TESTDEV = ("-device", "hyperv-testdev")


def passes(machine, kind, case, **args):
    """The guest finds all well, and so does the emulator."""
    if kind == "hyperv-vbs":
        none(machine, kind, case, **args)
        return
    result = machine.run(kind, case, **args)
    equal("exit status", result.status, GUEST_OK, result)


def simple(case, **args):
    def test(machine, kind):
        passes(machine, kind, case, **args)
    test.__name__ = case.replace("-", "_")
    return test


def hv_visibility(machine, kind):
    stats = none(machine, kind, "hv-visibility").stats
    c = stats["conversions"]
    # 2 pages, 1, 1 (twice); then the input page and another.
    equal("to-shared", c["to-shared"],
          {"size-4k": 6, "size-2m": 0, "other": 1, "pages": 8}, c)
    equal("redundant-pages", c["redundant-pages"], 2, c)
    equal("failed", c["failed"], 3, c)
    equal("shared-pages", stats["shared-pages"], 6)
    equal("hypercalls.conversion", stats["hypercalls"]["conversion"], 8)
    # Refused before anything is converted: 13 of them, and the last one.
    equal("hypercalls.total", stats["hypercalls"]["total"], 8 + 13 + 1)


def hv_lists(machine, kind):
    stats = none(machine, kind, "hv-lists").stats
    c = stats["conversions"]
    equal("to-shared", c["to-shared"],
          {"size-4k": 1, "size-2m": 2, "other": 2 + 2 + 1,
           "pages": 512 + 9 + 512 + 512 + 2}, c)
    equal("to-private", c["to-private"],
          {"size-4k": 0, "size-2m": 0, "other": 1, "pages": 510}, c)
    equal("hypercalls.conversion", stats["hypercalls"]["conversion"],
          2 + 1 + 2 + 2 + 1 + 1)


def hv_vtom_bit(machine, kind):
    """The boundary may be at another bit."""
    for bit in (40, 50):
        options = f"vtom-bit={bit}"
        none(machine, kind, "clean", options=options)
        result = none(machine, kind, "hv-cpuid", options=options)
        equal("boundary", number(result, "boundary"), bit, result)


def hv_message_shared(machine, kind):
    stats = none(machine, kind, "hv-message-shared", extra=TESTDEV).stats
    equal("shared-pages", stats["shared-pages"], 1)


def hv_migration(machine, kind):
    session = machine.start(kind, "wait", "case")
    try:
        answer = session.qmp("migrate", uri="exec:true")
        need("cannot be migrated" in str(answer), "migration is not blocked",
             answer)
    finally:
        session.kill()


NONSENSE = {
    "hv-unsupported": ("EPYC,hv-evmcs", "is not supported by TCG"),
    "hv-stimer": ("EPYC,hv-vpindex,hv-synic,hv-time,hv-stimer",
                  "(hv-stimer) is not supported by TCG"),
    "hv-passthrough": ("EPYC,hv-passthrough", "is not supported by TCG"),
    "hv-synic-alone": ("EPYC,hv-synic", "requires Hyper-V VP_INDEX"),
}


def nonsense(name):
    cpu, message = NONSENSE[name]

    def test(machine):
        result = machine.run_command(machine.bare("-accel", "tcg", "-cpu", cpu))
        equal("exit status", result.status, 1, result)
        need(message in result.stderr, f"the error misses '{message}'",
             result)
    return test


SINT = simple("hv-sint", extra=TESTDEV)
MESSAGE = simple("hv-message", extra=TESTDEV)
EVENT = simple("hv-event", extra=TESTDEV)

TESTS = [
    (simple("hv-cpuid"), BOTH), (simple("hv-msrs"), BOTH),
    (simple("hv-hypercalls"), BOTH), (simple("hv-user"), BOTH),
    (SINT, BOTH), (MESSAGE, BOTH), (EVENT, BOTH),
    (simple("hv-pending-reset", extra=TESTDEV), BOTH),
    (under_icount(SINT), BOTH), (under_icount(MESSAGE), BOTH),
    (under_icount(EVENT), BOTH),
    (hv_message_shared, ("hyperv-vbs",)), (hv_visibility, ("hyperv-vbs",)),
    (hv_lists, ("hyperv-vbs",)), (hv_vtom_bit, ("hyperv-vbs",)),
    (simple("hv-private-mmio"), ("hyperv-vbs",)),
    (hv_migration, ("hyperv",)),
]


def all_tests():
    """List of (name, function of a Machine)."""
    return (named(TESTS) +
            [(f"nonsense-{name}", nonsense(name)) for name in NONSENSE])
