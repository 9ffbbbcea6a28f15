# SPDX-License-Identifier: GPL-2.0
"""What shared memory in whole chunks must achieve: stock beside series.

A figure has the value of each kernel, a target in words, and whether the
series meets it; one without a target is there to be read.  All values come
out of guests that ran the same test (guest.Outcome): stats at marks, or facts.
A value that is missing is an error that names it, never a default.
"""

from dataclasses import asdict, dataclass

from . import stats
from .errors import LabError

VGA_FRAME = 0               # the window at 640 KiB is shared by nature
READS = [(disk, size) for disk in ("virtio-blk", "nvme") for size in (4096, 65536)]
MOST_MIXED = {"sev": 2, "tdx": 1}


@dataclass
class Figure:
    name: str
    platform: str
    stock: float
    series: float
    target: str = ""
    met: bool | None = None     # None: no target


class Pair:
    """Two outcomes of one test on one platform."""

    def __init__(self, platform, test, stock, series):
        self.platform = platform
        self.where = f"{test} on {platform}"
        self.outcomes = {"stock": stock, "series": series}

    def figure(self, name, value, target="", meets=None):
        """value: outcome, where -> number; meets: stock, series -> bool."""
        stock, series = (value(outcome, f"{self.where} with the {kernel} kernel")
                         for kernel, outcome in self.outcomes.items())
        met = bool(meets(stock, series)) if meets else None
        return Figure(name, self.platform, stock, series, target, met)


def at(mark, outcome, where):
    found = outcome.marks.get(mark)
    if found is None:
        raise LabError(f"{where}: no stats at the mark {mark}")
    return found


def fact(key):
    """A function that reads a fact of an outcome as a number."""
    def read(outcome, where):
        try:
            return int(outcome.facts[key])
        except (KeyError, ValueError):
            raise LabError(f"{where}: the guest did not report {key}") from None
    return read


def small_conversions(mark):
    """A function that counts requests of less than 2 MiB up to a mark."""
    def read(outcome, where):
        ways = stats.conversions(at(mark, outcome, where), where)
        return sum(way["4k"] + way["other"] for way in ways.values())
    return read


def difference(later, earlier):
    return lambda outcome, where: later(outcome, where) - earlier(outcome, where)


def mixed(mark):
    def read(outcome, where):
        return stats.mixed_frames(at(mark, outcome, where), where, apart=(VGA_FRAME,))
    return read


def _hypercalls(outcome, where):
    return stats.number(at("final", outcome, where), "hypercalls.conversion", where)


def of_cycles(pair):
    """Of the demo's workload."""
    most = MOST_MIXED[pair.platform]
    yield pair.figure("conversions below 2 MiB in boot", small_conversions("boot"))
    yield pair.figure("conversions below 2 MiB after boot",
                      difference(small_conversions("final"), small_conversions("boot")),
                      "0", lambda stock, series: series == 0)
    yield pair.figure("mixed frames at the end", mixed("final"), f"at most {most}",
                      lambda stock, series: series <= most)
    yield pair.figure("DirectMap4k growth, kB",
                      difference(fact("direct_map_4k_kb.after"), fact("direct_map_4k_kb.before")),
                      "0", lambda stock, series: series <= 0)
    if pair.platform == "sev":
        yield pair.figure("conversion hypercalls", _hypercalls, "at most a tenth of stock",
                          lambda stock, series: series * 10 <= stock)
    else:
        yield pair.figure("conversion hypercalls", _hypercalls)


def of_rounds(pair, rounds):
    """Of many rounds: what the last nine tenths of them added."""
    early, last = f"round-{rounds // 10}", f"round-{rounds}"
    yield pair.figure(f"mixed frames added in {rounds} rounds",
                      difference(mixed(last), mixed(early)),
                      "0", lambda stock, series: series <= 0)
    yield pair.figure(f"DirectMap4k added in {rounds} rounds, kB",
                      difference(fact(f"direct_map_4k_kb.{last}"),
                                 fact(f"direct_map_4k_kb.{early}")),
                      "0", lambda stock, series: series <= 0)


def of_idle_load(pair):
    idle, load, after = (fact(f"shared_pages.{when}") for when in ("idle", "load", "after"))
    least = idle(pair.outcomes["series"], pair.where)
    yield pair.figure("shared pages at idle", idle, "at most a quarter of stock",
                      lambda stock, series: series * 4 <= stock)
    yield pair.figure("shared pages under load", load, "more than at idle",
                      lambda stock, series: series > least)
    yield pair.figure("shared pages after the load", after, "idle and 10 % at most",
                      lambda stock, series: series * 10 <= least * 11)


def of_insns(pair):
    """Instructions.  1 % is by how much two runs of one kernel differ in a CVM,
    where the search for a free slot starts anywhere; plain guests repeat
    exactly."""
    target = "no more than stock, within 1 %"

    def meets(stock, series):
        return series * 100 <= stock * 101
    for disk, size in READS:
        yield pair.figure(f"instructions per {disk} read of {size // 1024} KiB",
                          fact(f"instructions.{disk}.{size}"), target, meets)
    if pair.platform == "plain":
        for call in ("map", "unmap"):
            yield pair.figure(f"instructions per DMA {call} of 100 pages",
                              fact(f"instructions.dma_{call}.x100"), target, meets)


def table(figures):
    """The figures as lines of text."""
    lines = [f"{'platform':9}{'figure':44}{'stock':>10}{'series':>10}  target"]
    for f in figures:
        verdict = "" if f.met is None else f"{f.target}: {'met' if f.met else 'NOT MET'}"
        lines.append(f"{f.platform:9}{f.name:44}{f.stock:>10}{f.series:>10}  {verdict}".rstrip())
    return lines


def as_json(figures):
    return [asdict(figure) for figure in figures]
