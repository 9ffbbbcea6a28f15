# SPDX-License-Identifier: GPL-2.0
"""The guest-boot laboratory.

  errors     the one exception that stands for "wrong input, say it in a line"
  arches     what differs between x86 and arm64 guests
  platforms  the table: what each platform puts on QEMU's command line
  devices    the device sets that a guest test can ask for
  acpi       a table that QEMU does not make: a port that faces outwards
  qemu       command line, process, time limit
  qmp        QEMU's monitor: the emulator's stats, devices that come and go
  control    the guest's requests on its second serial port
  disks      scratch disks with content that the runner knows
  rootdisk   a root file system on a disk, instead of an initramfs
  bzimage    the kernel proper, for an entry without VGA
  cpio       newc archives; initramfs puts a guest test into one
  console    what a console must not contain
  tests      the headers of lab/guest/tests
  busybox    the guest's user space
  kselftest  the series' kselftests, built for the guest
  xenstored  Debian's xenstore daemon, for the guest
  helpers    small C programs of the guest tests, built for the guest
  stats      figures out of the emulator's stats
  traces     events of QEMU, counted: what an emulated IOMMU is asked
  guest      one guest, from initramfs to verdict
  cli        lab/run; shell its --shell
  debian     Debian's cloud kernels; fidelity boots them (lab/fidelity)
  figures    what the series must achieve; bench measures it (scripts/bench)
  figures_hv the same for Hyper-V's drivers
  figures_iommu  the same for kinds of domains of an IOMMU
  demo       lab/demo; its report is drawn by lab/report

Arrows go downwards only: guest uses the parts, no part uses guest.
"""
