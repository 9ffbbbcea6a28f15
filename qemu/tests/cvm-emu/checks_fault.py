# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of a failing host: properties fault... of cvm-emu."""
from checks import (ARENA, ALL, Failed, GUEST_OK, PAGE, equal,
                    guest_passes, named, need, violations)
from checks_count import number

# Conversions that declare_memory() of the guest makes.
BEFORE = {"sev": 1, "tdx": 0, "hyperv-vbs": 0}


def options(kind, fault, nth=0, every=0, direction=""):
    text = f"fault={fault}"
    if nth:
        text += f",fault-nth={nth + BEFORE[kind]}"
    if every:
        text += f",fault-every={every}"
    return text + (f",fault-direction={direction}" if direction else "")


def stats_are(result, injected, failed, followed=0, cpu=0):
    stats = result.stats
    equal("faults", stats["faults"],
          {"injected": injected, "followed": followed}, result)
    equal("conversions.failed", stats["conversions"]["failed"], failed,
          result)
    equal("violations.cpu", violations(stats)["cpu"], cpu, result)


def fault_fail(machine, kind):
    sev = kind == "sev"
    result = guest_passes(machine, kind, "fault-fail",
                          options=options(kind, "fail", nth=2))
    stats_are(result, injected=1, failed=1, followed=3 if sev else 0, cpu=2)
    log = violations(result.stats)["log"]
    equal("types", [v["type"] for v in log], ["private-to-shared"] * 2, log)
    equal("gpas", [v["gpa"] for v in log], [ARENA + PAGE, ARENA + 4 * PAGE],
          log)
    # Left shared by the C-bit, and then requested once more.
    equal("redundant-pages", result.stats["conversions"]["redundant-pages"],
          1 if sev else 0, result)
    equal("shared-pages", result.stats["shared-pages"], 5 + BEFORE[kind],
          result)
    # The C-bit made the conversion, so it counts; a TDX host made none.
    equal("to-shared.pages",
          result.stats["conversions"]["to-shared"]["pages"],
          5 + (4 if sev else 0) + BEFORE[kind], result)
    equal("hypercalls.conversion",
          result.stats["hypercalls"]["conversion"], 3 + 2 * BEFORE[kind],
          result)


def fault_partial(machine, kind):
    sev = kind == "sev"
    result = guest_passes(machine, kind, "fault-partial",
                          options=options(kind, "partial", nth=2))
    stats_are(result, injected=1, failed=1, followed=4 if sev else 0, cpu=1)
    equal("gpa", violations(result.stats)["log"][0]["gpa"], ARENA + PAGE)
    equal("shared-pages", result.stats["shared-pages"], 5 + BEFORE[kind],
          result)


def fault_retry(machine, kind):
    result = guest_passes(machine, kind, "fault-retry",
                          options=options(kind, "retry", nth=1))
    stats_are(result, injected=1, failed=0)
    equal("shared-pages", result.stats["shared-pages"], 8, result)
    equal("to-shared", result.stats["conversions"]["to-shared"],
          {"size-4k": 0, "size-2m": 0, "other": 2, "pages": 8}, result)


def fault_retry_always(machine, kind):
    result = guest_passes(machine, kind, "fault-retry-always",
                          options=options(kind, "retry", every=1))
    stats_are(result, injected=4, failed=0)
    equal("shared-pages", result.stats["shared-pages"], 7, result)


def fault_every(machine, kind):
    before = BEFORE[kind]
    for nth, every in ((0, 3), (2, 3), (5, 0), (1, 1)):
        result = guest_passes(machine, kind, "fault-every",
                              options=options(kind, "fail", nth, every))
        first = (nth and nth + before) or every
        due = [n for n in range(1 + before, 17 + before)
               if n == first or
               every and n > first and (n - first) % every == 0]
        equal(f"failed, nth {nth} every {every}", number(result, "failed"),
              sum(1 << n - 1 - before for n in due), result)
        stats_are(result, injected=len(due), failed=len(due))


def fault_direction(machine, kind):
    # declare_memory() makes none in this direction.
    result = guest_passes(machine, kind, "fault-direction",
                          options="fault=fail,fault-nth=2,"
                                  "fault-direction=to-private")
    stats_are(result, injected=1, failed=1,
              followed=1 if kind == "sev" else 0)
    equal("shared-pages", result.stats["shared-pages"], 1 + BEFORE[kind],
          result)


def arm(session, go, **properties):
    for name, value in properties.items():
        answer = session.qmp("qom-set", path="/objects/cvm0", value=value,
                             property=name.replace("_", "-"))
        equal(f"answer to setting {name}", answer, {})
    session.hmp(f"o /b 0x71 {go:#x}")


def fault_armed(machine, kind):
    """Faults can be asked for, and asked for again, at run time."""
    try:
        session = machine.start(kind, "fault-armed", "arm")
    except (TimeoutError, OSError) as why:
        raise Failed(str(why)) from why
    try:
        answer = session.qmp("qom-set", path="/objects/cvm0",
                             property="fault", value="retry")
        equal("retry is refused", "error" in answer, kind == "sev", answer)
        arm(session, 0xa5, fault="fail", fault_nth=1)
        session.await_console("again")
        arm(session, 0xa6, fault_nth=1)
        result = session.wait()
    except (TimeoutError, OSError) as why:
        raise Failed(str(why)) from why
    finally:
        session.kill()
    equal("exit status", result.status, GUEST_OK, result)
    stats_are(result, injected=2, failed=2)


NONSENSE = {
    "fault-when": ("kind=tdx,fault=fail", "needs 'fault-nth' or"),
    "fault-how": ("kind=sev,fault-every=2", "need 'fault'"),
    "fault-retry-sev": ("kind=sev,fault=retry,fault-nth=1",
                        "is not for kind=sev"),
    "fault-unknown": ("kind=sev,fault=explode,fault-nth=1",
                      "not accept value 'explode'"),
}


def nonsense(name):
    args, message = NONSENSE[name]

    def test(machine):
        result = machine.run_command(machine.bare(
            "-accel", "tcg", "-object", f"cvm-emu,id=c,{args}"))
        equal("exit status", result.status, 1, result)
        need(message in result.stderr, f"the error misses '{message}'",
             result)
    return test


TESTS = [
    (fault_fail, ALL), (fault_partial, ALL),
    (fault_retry, ("tdx", "hyperv-vbs")),
    (fault_retry_always, ("tdx", "hyperv-vbs")), (fault_every, ALL),
    (fault_direction, ALL), (fault_armed, ALL),
]


def all_tests():
    """List of (name, function of a Machine)."""
    return (named(TESTS) +
            [(f"nonsense-{name}", nonsense(name)) for name in NONSENSE])
