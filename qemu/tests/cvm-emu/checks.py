# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests: a case of the bare guest, and what the statistics must say."""
import contextlib
import json
import re
import signal

ARENA = 32 << 20
PAGE = 4096
FRAME = 2 << 20
ALL = ("sev", "tdx", "hyperv-vbs")
GUEST_OK, GUEST_FAILED = 3, 5       # isa-debug-exit


class Failed(Exception):
    """A test failed; the text says why."""


def need(condition, why, context=""):
    if not condition:
        raise Failed(f"{why}\n{context}".strip())


def equal(what, have, want, context=""):
    need(have == want, f"{what} is {have!r}, not {want!r}", context)


def violations(stats):
    return stats["violations"]


def guest_passes(machine, kind, case, **args):
    result = machine.run(kind, case, **args)
    need(result.status == GUEST_OK, f"the guest failed ({kind})", result)
    need(result.stats, "there are no stats", result)
    return result


def expect_cpu(machine, kind, case, kind_of_violation, access, gpa, view,
               most=1, **args):
    """The case does one wrong access, and the log tells which."""
    result = guest_passes(machine, kind, case, **args)
    v = violations(result.stats)
    need(1 <= v["cpu"] <= most, f"violations.cpu is {v['cpu']}", result)
    equal("violations.dma", v["dma"], 0, result)
    first = v["log"][0]
    equal("type", first["type"], kind_of_violation, first)
    equal("access", first["access"], access, first)
    if gpa is not None:
        equal("gpa", first["gpa"], gpa, first)
        equal("gva", first["gva"] & ~(PAGE - 1), gpa + view, first)
    if access != "fetch":
        need(0x200000 <= first["rip"] < 0x300000, "rip is not in the guest",
             first)
    need("cvm-emu: " + kind_of_violation in result.stderr,
         "nothing was reported", result)


def none(machine, kind, case, **args):
    result = guest_passes(machine, kind, case, **args)
    equal("violations.cpu", violations(result.stats)["cpu"], 0, result)
    equal("violations.dma", violations(result.stats)["dma"], 0, result)
    return result


SHARED = 512 << 30


def clean(machine, kind):
    stats = none(machine, kind, "clean").stats
    equal("launches", stats["launches"], 1)
    equal("to-private", stats["conversions"]["to-private"],
          {"size-4k": 1, "size-2m": 0, "other": 0, "pages": 1})


def private_to_shared(machine, kind):
    expect_cpu(machine, kind, "private-to-shared", "private-to-shared",
               "read", ARENA, 0)


def stale(machine, kind):
    expect_cpu(machine, kind, "stale", "private-to-shared", "write", ARENA, 0)


def shared_to_private(machine, kind):
    expect_cpu(machine, kind, "shared-to-private", "shared-to-private",
               "write", ARENA, SHARED)


def fetch(machine, kind):
    expect_cpu(machine, kind, "fetch", "fetch-shared", "fetch", ARENA, SHARED)


def mmio(machine, kind):
    extra = ("-device", "edu")
    # TCG translates again when it restarts an instruction for device memory.
    expect_cpu(machine, kind, "mmio", "mmio-private", "read", None, 0,
               most=2, extra=extra)
    none(machine, kind, "mmio", extra=extra, options="mmio-check=off")


def smp(machine, kind):
    expect_cpu(machine, kind, "smp", "private-to-shared", "read", ARENA, 0,
               smp=2)


def unaccepted(machine, kind):
    expect_cpu(machine, kind, "unaccepted", "unaccepted", "read", ARENA, 0)


def poison(machine, kind):
    none(machine, kind, "poison", options="poison=0x5a")


def scrub(machine, kind):
    result = guest_passes(machine, kind, "scrub")
    # SEV alone has an early phase: looking at the shared copy is a violation.
    equal("violations.cpu", violations(result.stats)["cpu"],
          0 if kind == "sev" else 1, result)


def dma_shared(machine, kind):
    none(machine, kind, "dma-shared", extra=("-device", "edu,id=edu0"))


def dma_private(machine, kind):
    result = guest_passes(machine, kind, "dma-private",
                          extra=("-device", "edu,id=edu0,addr=5"))
    v = violations(result.stats)
    equal("violations.dma", v["dma"], 2, result)
    equal("violations.cpu", v["cpu"], 0, result)
    for entry, access, gpa, length in ((v["log"][0], "read", ARENA + 0x80, 64),
                                       (v["log"][1], "write", ARENA + PAGE,
                                        32)):
        equal("device", entry["device"], "edu0", entry)
        equal("address", entry["address"], "00:05.0", entry)
        equal("access", entry["access"], access, entry)
        equal("gpa", entry["gpa"], gpa, entry)
        equal("length", entry["length"], length, entry)


def dma_mapped(machine, kind):
    result = guest_passes(machine, kind, "dma-mapped",
                          extra=("-device", "ich9-ahci,id=ahci0"))
    v = violations(result.stats)
    equal("violations.dma", v["dma"], 1, result)
    equal("type", v["log"][0]["type"], "dma-mapped", result)
    equal("device", v["log"][0]["device"], "ahci0", result)


def counts(machine, kind):
    stats = none(machine, kind, "counts").stats
    # Under SEV, one page more ends the early phase.
    more = 1 if kind == "sev" else 0
    c = stats["conversions"]
    equal("to-shared", c["to-shared"],
          {"size-4k": 4 + more, "size-2m": 1, "other": 1,
           "pages": 4 + more + 1024 + 8})
    equal("to-private", c["to-private"],
          {"size-4k": 1, "size-2m": 1, "other": 0, "pages": 513})
    equal("redundant-pages", c["redundant-pages"], 1)
    # Hyper-V: 3 calls for 1024 pages, 2 for 512.
    calls = 11 if kind == "hyperv-vbs" else 8 + 2 * more
    equal("failed", c["failed"], 0 if kind == "hyperv-vbs" else 2)
    equal("hypercalls.conversion", stats["hypercalls"]["conversion"], calls)
    equal("shared-pages", stats["shared-pages"], 2 + 512 + 8 + more)
    equal("shared-pages-peak", stats["shared-pages-peak"],
          3 + 1024 + 8 + more)
    # Hyper-V: the first call of three leaves a frame mixed.
    peak = 3 if kind == "hyperv-vbs" else 2 + more
    equal("frames", stats["frames"],
          {"shared": 1, "mixed": 2 + more, "mixed-peak": peak})
    frames = [{"gpa": ARENA, "shared-pages": 2},
              {"gpa": ARENA + 3 * FRAME, "shared-pages": 8}]
    if more:
        frames.insert(0, {"gpa": ARENA - FRAME, "shared-pages": 1})
    equal("mixed-frames", stats["mixed-frames"], frames)
    equal("last of timeline", stats["timeline"][-1]["shared-pages"],
          stats["shared-pages"])


def declare(machine, kind):
    result = guest_passes(machine, kind, "declare")
    stats = result.stats
    equal("declarations", stats["declarations"],
          {"requests": 2, "pages": (127 << 20) // PAGE + 1}, result)
    equal("in-place", stats["conversions"]["in-place"], 1, result)
    equal("violations.cpu", violations(stats)["cpu"], 1, result)
    equal("gpa", violations(stats)["log"][0]["gpa"], ARENA + 2 * FRAME)


def unknown(machine, kind):
    none(machine, kind, "unknown")


def halt(machine, kind):
    none(machine, kind, "halt")


def reset(machine, kind):
    stats = none(machine, kind, "reset").stats
    equal("launches", stats["launches"], 2)
    more = 1 if kind == "sev" else 0
    equal("shared-pages", stats["shared-pages"], more)
    equal("to-shared.pages", stats["conversions"]["to-shared"]["pages"],
          1 + 2 * more)


def strict(machine, kind):
    for case in ("private-to-shared", "dma-private"):
        result = machine.run(kind, case, options="strict=on",
                             extra=("-device", "edu,id=edu0"))
        equal("exit status", result.status, 1, result)
        need("strict=on" in result.stderr, "no reason was given", result)
        need(result.stats, "there are no stats", result)
        v = violations(result.stats)
        need(v["cpu"] + v["dma"] >= 1, "no violation is counted", result)
    result = machine.run(kind, "clean", options="strict=on")
    equal("exit status without violation", result.status, GUEST_OK, result)


@contextlib.contextmanager
def waiting(machine, kind):
    try:
        session = machine.start(kind, "wait", "waiting")
    except (TimeoutError, OSError) as why:
        raise Failed(str(why)) from why
    try:
        yield session
    finally:
        session.kill()


def monitor(machine, kind):
    """QMP, HMP and the file agree; debuggers see what the CPU sees."""
    with waiting(machine, kind) as s:
        qmp = s.qmp("query-cvm-emu-stats")
        hmp = json.loads(s.hmp("info cvm-emu-stats"))
        equal("HMP", hmp, qmp)
        for address, word in ((SHARED + ARENA, "0x1122334455667788"),
                              (ARENA + PAGE, "0x99aabbccddeeff00")):
            need(word in s.hmp(f"x/1gx {address:#x}"),
                 f"x at {address:#x} does not show {word}")
        need("0x99aabbccddeeff00" not in s.hmp(f"xp/1gx {ARENA + PAGE:#x}"),
             "devices' view shows private memory")
        need("%#x" % (ARENA + PAGE) in s.hmp(f"gva2gpa {ARENA + PAGE:#x}"),
             "gva2gpa")
        lines = re.findall("^0*2000000: .*$", s.hmp("info tlb"), re.M)
        equal("info tlb: lines for the arena", len(lines), 1)
        need("cannot be migrated" in s.hmp("savevm x") or
             "cannot be migrated" in str(s.qmp("migrate", uri="exec:true")),
             "migration is not blocked")
        result = s.end()
    equal("file", result.stats, qmp)


def sigterm(machine, kind):
    with waiting(machine, kind) as s:
        s.process.send_signal(signal.SIGTERM)
        s.process.wait(30)
        stats = machine._result(0, "").stats
    need(stats and stats["shared-pages"], "no statistics after SIGTERM")


NONSENSE = {
    "no-kind": (["-object", "cvm-emu,id=c"], "'kind' is missing"),
    "bad-kind": (["-object", "cvm-emu,id=c,kind=sgx"],
                 "not accept value 'sgx'"),
    "cbitpos-range": (["-object", "cvm-emu,id=c,kind=sev,cbitpos=12"],
                      "must be 36 to 51"),
    "cbitpos-tdx": (["-object", "cvm-emu,id=c,kind=tdx,cbitpos=47"],
                    "is for kind=sev"),
    "gpaw-range": (["-object", "cvm-emu,id=c,kind=tdx,gpaw=50"],
                   "must be 48 or 52"),
    "vtom-bit-range": (["-object",
                        "cvm-emu,id=c,kind=hyperv-vbs,vtom-bit=51"],
                       "must be 36 to 50"),
    "vtom-bit-sev": (["-object", "cvm-emu,id=c,kind=sev,vtom-bit=46"],
                     "kind=sev takes 'cbitpos'"),
    "gpaw-vbs": (["-object", "cvm-emu,id=c,kind=hyperv-vbs,gpaw=48"],
                 "kind=hyperv-vbs takes 'vtom-bit'"),
    "vbs-without-synic": (["-object", "cvm-emu,id=c,kind=hyperv-vbs", "-cpu",
                           "EPYC,hv-vpindex", "-machine",
                           "pc,smm=off,confidential-guest-support=c"],
                          "add hv-vpindex,hv-synic"),
    "gpaw-sev": (["-object", "cvm-emu,id=c,kind=sev,gpaw=48"],
                 "is for kind=tdx"),
    "two": (["-object", "cvm-emu,id=c,kind=sev",
             "-object", "cvm-emu,id=d,kind=tdx"], "only one"),
    "stats-file": (["-object",
                    "cvm-emu,id=c,kind=sev,stats-file=/nonexistent/b"],
                   "cannot write stats-file"),
    "not-in-use": (["-object", "cvm-emu,id=c,kind=sev", "-machine", "pc"],
                   "confidential-guest-support=c"),
    "smm": (["-object", "cvm-emu,id=c,kind=sev", "-cpu", "EPYC", "-machine",
             "pc,smm=on,confidential-guest-support=c"], "smm=off"),
    "vendor-sev": (["-object", "cvm-emu,id=c,kind=sev", "-cpu",
                    "max,vendor=GenuineIntel", "-machine",
                    "pc,smm=off,confidential-guest-support=c"],
                   "AuthenticAMD"),
    "vendor-tdx": (["-object", "cvm-emu,id=c,kind=tdx", "-cpu", "EPYC",
                    "-machine", "pc,smm=off,confidential-guest-support=c"],
                   "GenuineIntel"),
    "rdrand": (["-object", "cvm-emu,id=c,kind=sev", "-cpu", "EPYC,-rdrand",
                "-machine", "pc,smm=off,confidential-guest-support=c"],
               "rdrand"),
    "phys-bits": (["-object", "cvm-emu,id=c,kind=sev", "-cpu",
                   "EPYC,phys-bits=48", "-machine",
                   "pc,smm=off,confidential-guest-support=c"], "phys-bits"),
    "maxmem": (["-object", "cvm-emu,id=c,kind=sev", "-cpu", "EPYC", "-m",
                "128M,maxmem=1G,slots=1", "-machine",
                "pc,smm=off,confidential-guest-support=c"], "hotplug"),
    "qtest": (["-accel", "qtest", "-object", "cvm-emu,id=c,kind=sev",
               "-machine", "pc,confidential-guest-support=c"],
              "-accel tcg"),
}


def nonsense(name):
    args, message = NONSENSE[name]

    def test(machine):
        accel = () if "-accel" in args else ("-accel", "tcg")
        result = machine.run_command(machine.bare(*accel, *args))
        equal("exit status", result.status, 1, result)
        need(message in result.stderr, f"the error misses '{message}'",
             result)
    return test


GUEST_TESTS = [
    (clean, ALL), (private_to_shared, ALL), (stale, ALL),
    (shared_to_private, ALL), (fetch, ALL), (mmio, ALL), (smp, ALL),
    (unaccepted, ("tdx",)), (poison, ALL), (scrub, ALL),
    (dma_shared, ALL), (dma_private, ALL), (dma_mapped, ALL),
    (counts, ALL), (declare, ("sev",)), (unknown, ("sev", "tdx")),
    (halt, ("tdx",)),
    (reset, ALL), (strict, ALL), (monitor, ALL), (sigterm, ALL),
]


def named(tests):
    """List of (name, function of a Machine) for (test, kinds)."""
    return [(f"{kind}-{function.__name__.replace('_', '-')}",
             lambda m, f=function, k=kind: f(m, k))
            for function, kinds in tests for kind in kinds]


def all_tests():
    """List of (name, function of a Machine)."""
    return (named(GUEST_TESTS) +
            [(f"nonsense-{name}", nonsense(name)) for name in NONSENSE])
