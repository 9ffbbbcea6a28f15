# SPDX-License-Identifier: GPL-2.0
"""What DMA-RO domains must achieve: each kind of domain beside the others, on
each emulated IOMMU, in guests that ran the same tests.

A row is one IOMMU and one kind of domain.  As in figures.py, a value that is
missing is an error that names it.
"""

from .figures import fact

PLATFORMS = ("vtd", "vtd-cm", "amdvi", "viommu", "smmuv3")
NAMES = {"vtd": "VT-d", "vtd-cm": "VT-d, caching mode", "amdvi": "AMD", "viommu": "virtio",
         "smmuv3": "SMMUv3, arm64"}
# kind of domain -> (kernel, kernel parameters)
KINDS = {
    "strict": ("stock", "iommu.strict=1"),
    "lazy": ("stock", "iommu.strict=0"),
    "passthrough": ("stock", "iommu.passthrough=1"),
    "off, strict": ("series", "iommu.dma_ro=0 iommu.strict=1"),
    "off, lazy": ("series", "iommu.dma_ro=0 iommu.strict=0"),
    "DMA-RO": ("series", "iommu.dma_ro=1 iommu.strict=1"),
    "DMA-RO-FQ": ("series", "iommu.dma_ro=1 iommu.strict=0"),
}
WORK = ("e1000e.linear", "e1000e.segments", "igb.linear", "igb.segments",
        "nvme.write-4k", "nvme.write-64k")
WAYS = ("to", "from", "both")
TESTS = ("iommu-tx", "iommu-insns")
# Interfaces wait for packets; a NIC sends while a disk is read and written
WHEN = ("waiting", "load")


def row(platform, kind, sent, counted):
    """A row out of two outcomes."""
    where = f"{kind} on {platform}"

    def of(key, outcome=sent):
        return fact(key)(outcome, where)
    found = {
        "platform": platform, "kind": kind,
        "requests": {work: of(f"requests.{work}.x1000") / 1000 for work in WORK},
        "wakes": {work: of(f"wakes.{work}.x1000") / 1000 for work in WORK},
        "map": {way: of(f"instructions.map.{way}.64.x100", counted) / 100 for way in WAYS},
        "unmap": {way: of(f"instructions.unmap.{way}.64.x100", counted) / 100 for way in WAYS},
    }
    if platform == "viommu":
        found["writable_bytes"] = {when: of(f"writable_bytes.{when}") for when in WHEN}
    if kind.startswith("DMA-RO"):
        mib = of("setup.mapped_mib", counted)
        found["setup_instructions_per_gib"] = of("setup.instructions", counted) * 1024 // mib
        found["page_table_kib_per_gib"] = of("setup.page_table_pages", counted) * 4 * 1024 / mib
    return found


def targets(rows):
    """Yield (platform, target in words, value, limit, met)."""
    by = {(r["platform"], r["kind"]): r for r in rows}
    for platform in dict.fromkeys(r["platform"] for r in rows):
        kinds = {kind: by[platform, kind] for kind in KINDS}
        for kind in ("DMA-RO", "DMA-RO-FQ"):
            for work in WORK:
                value = kinds[kind]["requests"][work] + kinds[kind]["wakes"][work]
                yield platform, f"{kind}: requests and wake-ups, {work}", value, 0, value == 0

        def cost(kind, way):
            return kinds[kind]["map"][way] + kinds[kind]["unmap"][way]
        for kind, other in (("DMA-RO", "strict"), ("DMA-RO-FQ", "lazy")):
            limit = 1.10 * cost("passthrough", "to")
            yield (platform, f"{kind}: instructions, to the device, passthrough + 10 %",
                   cost(kind, "to"), limit, cost(kind, "to") <= limit)
            limit = 1.03 * cost(other, "from")
            yield (platform, f"{kind}: instructions, from the device, {other} + 3 %",
                   cost(kind, "from"), limit, cost(kind, "from") <= limit)
        for kind, other in (("off, strict", "strict"), ("off, lazy", "lazy")):
            for way in ("to", "from"):
                limit = 1.01 * cost(other, way)
                yield (platform, f"{kind}: instructions, {way} the device, stock + 1 %",
                       cost(kind, way), limit, cost(kind, way) <= limit)


def table(rows):
    """Lines of text: requests per packet and write, instructions per page."""
    head = ("e1000e", "e1000e seg", "igb", "igb seg", "nvme 4k", "nvme 64k")
    lines = ["requests + wake-ups of an IOMMU, per packet sent and per block written",
             f"{'IOMMU':9}{'domain':13}" + "".join(f"{name:>14}" for name in head)]
    for r in rows:
        cells = (f"{r['requests'][w]:g} + {r['wakes'][w]:g}" for w in WORK)
        lines.append(f"{r['platform']:9}{r['kind']:13}" + "".join(f"{c:>14}" for c in cells))
    lines += ["", "instructions to map + unmap a page, by direction",
              f"{'IOMMU':9}{'domain':13}" + "".join(f"{way:>14}" for way in WAYS)]
    for r in rows:
        cells = (f"{r['map'][w]:.0f} + {r['unmap'][w]:.0f}" for w in WAYS)
        lines.append(f"{r['platform']:9}{r['kind']:13}" + "".join(f"{c:>14}" for c in cells))
    lines += [""]
    for r in rows:
        if "page_table_kib_per_gib" in r:
            lines.append(f"{r['platform']:9}{r['kind']:13} window, per GiB: "
                         f"{r['page_table_kib_per_gib']:.1f} KiB of page table, "
                         f"{r['setup_instructions_per_gib']} instructions")
        if "writable_bytes" in r:
            lines.append(f"{r['platform']:9}{r['kind']:13} devices may write "
                         f"{r['writable_bytes']['waiting']} bytes, under load "
                         f"{r['writable_bytes']['load']} at most")
    judged = list(targets(rows))
    lines += [f"{platform:9}{name}: {value:g}, at most {limit:g}: NOT MET"
              for platform, name, value, limit, met in judged if not met]
    lines.append(f"{sum(met for *_, met in judged)} of {len(judged)} targets met")
    return lines
