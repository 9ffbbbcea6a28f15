# SPDX-License-Identifier: GPL-2.0
"""What the series must achieve for Hyper-V's drivers: stock beside series.

As in figures.py, which has the types: every value comes out of guests that ran
the same test, and one that is missing is an error that names it.
"""

from .figures import at, difference, fact, mixed
from . import stats

READS = (4096, 65536)
CHUNK = 512                 # pages of 4 KiB
CALLS_A_CHUNK = 2           # 510 pages are the most that one call takes


def _shared(mark):
    def read(outcome, where):
        return stats.number(at(mark, outcome, where), "shared-pages", where)
    return read


def _conversions(name):
    """Requests to share while a NIC was added, of any size."""
    parts = [fact(f"add.{name}.to_shared.{size}") for size in ("size-4k", "size-2m", "other")]
    return lambda outcome, where: sum(part(outcome, where) for part in parts)


def of_cycles(pair):
    """Of the test hv-cycles on hv-vbs: what a NIC costs, and what it leaves."""
    calls = {name: fact(f"add.{name}.calls") for name in ("cold", "warm")}
    pages = fact("add.cold.shared_pages")
    chunks = -(-pages(pair.outcomes["series"], pair.where) // CHUNK)
    yield pair.figure("visibility calls per NIC, cold", calls["cold"],
                      f"at most {CALLS_A_CHUNK} per chunk ({CALLS_A_CHUNK * chunks})",
                      lambda stock, series: series <= CALLS_A_CHUNK * chunks)
    yield pair.figure("visibility calls per NIC, warm", calls["warm"],
                      "0", lambda stock, series: series == 0)
    yield pair.figure("conversions per NIC, cold", _conversions("cold"))
    yield pair.figure("conversions per NIC, warm", _conversions("warm"),
                      "0", lambda stock, series: series == 0)
    yield pair.figure("shared pages per NIC", pages)
    yield pair.figure("mixed frames added by cycles of a NIC",
                      difference(mixed("last"), mixed("early")),
                      "0", lambda stock, series: series <= 0)
    yield pair.figure("shared pages added by cycles of a NIC",
                      difference(_shared("last"), _shared("early")),
                      "0", lambda stock, series: series <= 0)


def of_insns(pair):
    """Of the test hv-insns.  1 % is by how much two runs of one kernel differ
    where a free slot is searched for from anywhere."""
    target = "no more than stock, within 1 %"

    def meets(stock, series):
        return series * 100 <= stock * 101
    for size in READS:
        yield pair.figure(f"instructions per hv-scsi read of {size // 1024} KiB",
                          fact(f"instructions.hv-scsi.{size}"), target, meets)
    yield pair.figure("instructions per 100 frames received",
                      fact("instructions.hv-net.receive.x100"), target, meets)


def of_kexec(pair):
    """Of the test kexec: what the second kernel finds shared that it did not
    share itself.  A kernel that does not count what it shares is judged by the
    emulator's stats of the same place in both."""
    def left(outcome, where):
        name = "unaccounted.boot-{}"
        if name.format(1) in outcome.facts:
            return fact(name.format(2))(outcome, where) - fact(name.format(1))(outcome, where)
        return difference(_shared("boot-2"), _shared("boot-1"))(outcome, where)
    yield pair.figure("pages left shared by a kexec", left, "0",
                      lambda stock, series: series == 0)
