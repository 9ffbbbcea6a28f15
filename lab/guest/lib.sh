# SPDX-License-Identifier: GPL-2.0
#
# What guest tests share: results as KTAP, requests to the runner, disks and
# network interfaces.  Source it: . /lab/lib.sh
# File descriptor 9 is the control channel (lab/cvmlab/control.py).

. /lab/settings

# --- results -------------------------------------------------------------

KTAP_N=0
KTAP_FAILED=0

plan()
{
	echo "KTAP version 1"
	echo "1..$1"
}

# ok NAME / not_ok NAME [REASON] / skip NAME REASON
ok()
{
	KTAP_N=$((KTAP_N + 1))
	echo "ok $KTAP_N $1"
}

not_ok()
{
	KTAP_N=$((KTAP_N + 1))
	KTAP_FAILED=1
	echo "not ok $KTAP_N $1${2:+ # $2}"
}

skip()
{
	KTAP_N=$((KTAP_N + 1))
	echo "ok $KTAP_N $1 # SKIP $2"
}

# check NAME COMMAND...: ok if the command succeeds; WHY may say why it did not
check()
{
	local name="$1"

	shift
	WHY=
	if "$@"; then
		ok "$name"
	else
		not_ok "$name" "$WHY"
	fi
}

# run_counter COMMAND...: what it prints is in $COUNTED; if it fails, its complaint is why
run_counter()
{
	COUNTED=$("$@" 2>&1) && return
	WHY="counting failed: $(echo "$COUNTED" | tail -n 1)"
	return 1
}

finish()
{
	exit $KTAP_FAILED
}

# wait_ready PID FILE: until a helper in the background has made FILE, a minute
# at most; fails if it ended without
wait_ready()
{
	local tries=0

	until [ -e "$2" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || return 1
		kill -0 "$1" 2>/dev/null || return 1
		usleep 100000
	done
}

# --- requests to the runner ----------------------------------------------

# request WORDS...: 0 if the runner says ok; else WHY is what it said
request()
{
	local answer

	echo "$*" >&9
	read -r answer <&9
	case "$answer" in
	ok*)
		return 0
		;;
	esac
	WHY="${answer#no }"
	return 1
}

# mark NAME: the runner reads the emulator's stats now
mark()
{
	request mark "$1" || echo "# mark $1: $WHY"
}

# figure MARK PATH: print a number of the stats at a mark, such as shared-pages;
# fails where there are no stats
figure()
{
	local answer

	echo "figure $*" >&9
	read -r answer <&9
	case "$answer" in
	ok*)
		echo "${answer#ok }"
		return 0
		;;
	esac
	return 1
}

# judged FROM TO: this test judges what the emulator saw between two marks
judged()
{
	request judged "$1" "$2"
}

# fact KEY VALUE: a figure of the guest for the runner
fact()
{
	echo "fact $*" >&9
}

# direct_map_4k: kB of the direct map in 4 KiB pages
direct_map_4k()
{
	awk '/^DirectMap4k:/ { print $2 }' /proc/meminfo
}

# vmstat NAME: a counter, or nothing if the kernel does not have it
vmstat()
{
	awk -v name="$1" '$1 == name { print $2 }' /proc/vmstat
}

CONVERSIONS=/sys/kernel/mm/cc_convert

# converted NAME: a counter of conversions, or nothing if the kernel has none
converted()
{
	cat "$CONVERSIONS/$1" 2>/dev/null || true
}

# kernel_shared: pages that the kernel converted to shared and not back;
# fails if it does not count them
kernel_shared()
{
	[ -d $CONVERSIONS ] || return 1
	echo $((512 * ($(converted to_shared_2m) - $(converted to_private_2m)) +
		$(converted to_shared_4k) - $(converted to_private_4k)))
}

# unaccounted MARK: take the mark; print by how many pages the emulator's stats
# and the kernel's own differ: what was shared before the kernel counts, or by
# declaration. Waits for a moment at which no conversion is under way.
unaccounted()
{
	local before after tries=0 pages

	while [ "$tries" -lt 10 ]; do
		before=$(kernel_shared) || return 1
		mark "$1"
		after=$(kernel_shared)
		if [ "$before" = "$after" ]; then
			pages=$(figure "$1" shared-pages) || return 1
			echo $((pages - before))
			return 0
		fi
		tries=$((tries + 1))
		sleep 1
	done
	return 1
}

# cc_stat NAME: a figure of the shared pool, or nothing
cc_stat()
{
	awk -v name="$1" '$1 == name { print $2 }' /sys/kernel/debug/cc_shared/stats 2>/dev/null
}

# cc_facts WHEN: all figures of the shared pool, if there is one
cc_facts()
{
	[ -f /sys/kernel/debug/cc_shared/stats ] || return 0
	awk -v when="$1" 'NF == 2 { print "fact cc_shared." $1 "." when, $2 }' \
		/sys/kernel/debug/cc_shared/stats >&9
}

# memory_facts WHEN: direct map, conversion counters and pool, if there are any
memory_facts()
{
	fact "direct_map_4k_kb.$1" "$(direct_map_4k)"
	local counter

	for counter in $(ls $CONVERSIONS 2>/dev/null); do
		fact "cc_convert.$counter.$1" "$(converted "$counter")"
	done
	cc_facts "$1"
}

# --- platform ------------------------------------------------------------

# detected: the platform that the kernel has detected;
# hv-other is a kind of isolation that is none of them
detected()
{
	local features

	if dmesg | grep -q 'Hypervisor detected: Microsoft Hyper-V'; then
		detected_hyperv
		return
	fi
	features=$(dmesg | grep -i 'Memory Encryption Features active')
	case "$features" in
	*SEV-SNP*)	echo sev-snp ;;
	*SEV*)		echo sev ;;
	*TDX*)		echo tdx ;;
	*)		echo plain ;;
	esac
}

# The kind of isolation is in the low four bits of group B (HYPERV_CPUID_ISOLATION_CONFIG,
# include/hyperv/hvgdk_mini.h): 0 none, 1 VBS.
detected_hyperv()
{
	local group

	group=$(dmesg | sed -n 's/.*Isolation Config: Group A 0x[0-9a-f]*, Group B \(0x[0-9a-f]*\).*/\1/p')
	case "$((${group:-0} & 15))" in
	0)	echo hv ;;
	1)	echo hv-vbs ;;
	*)	echo hv-other ;;
	esac
}

on_platform()
{
	local found="$(detected)" expected="$PLATFORM"

	case "$PLATFORM" in
	sev-viommu)				expected=sev ;;
	vtd* | amdvi | viommu* | smmuv3)	expected=plain ;;
	esac
	WHY="the kernel detected $found, not $expected"
	[ "$found" = "$expected" ]
}

# --- memory that is full and in pieces ---------------------------------------

# How many blocks of 2 MiB or more are free: orders 9 and 10 of each zone.
free_blocks()
{
	awk '{ n += $14 + $15 } END { print n + 0 }' /proc/buddyinfo
}

# percent_free: of all memory
percent_free()
{
	awk '/^MemTotal:/ { t = $2 } /^MemFree:/ { f = $2 } END { print int(100 * f / t) }' \
		/proc/meminfo
}

# fill_memory: take 90 % and leave the rest in single pages, by the program
# fragment; sets filler
fill_memory()
{
	local before tries=0

	# Or a twentieth of memory is kept back for huge pages, and the DMA zone
	# for those who can use no other.
	before=$(free_blocks)
	echo 2048 > /proc/sys/vm/min_free_kbytes
	echo 0 0 0 0 > /proc/sys/vm/lowmem_reserve_ratio
	: > /tmp/filled
	fragment 10 /tmp/ready > /tmp/filled 2>&1 &
	filler=$!
	if ! wait_ready "$filler" /tmp/ready; then
		WHY="memory was not full after a minute: $(cat /tmp/filled)"
		return 1
	fi
	echo "# $(cat /tmp/filled); free blocks of 2 MiB: $before before, $(free_blocks) now"
	# The kernel still sorts out what it had set aside: 5 s at most.
	until [ "$(percent_free)" -le 12 ]; do
		WHY="$(percent_free) % of memory is free"
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || return 1
		usleep 100000
	done
	echo "# $(percent_free) % free after $tries looks"
}

# in_pieces: no 2 MiB are free in one piece
in_pieces()
{
	local blocks

	blocks=$(free_blocks)
	fact free_2m_blocks "$blocks"
	WHY="$blocks blocks of 2 MiB or more are free: $(awk '{ print $4, $14, $15 }' /proc/buddyinfo | tr '\n' ' ')"
	[ "$blocks" = 0 ]
}

# hold_buffer KIB: user space shares a buffer with the host, by the program heap,
# until let_buffer_go
holder=
hold_buffer()
{
	: > /tmp/heap
	rm -f /tmp/held
	heap "$1" /tmp/held > /tmp/heap 2>&1 &
	holder=$!
	wait_ready "$holder" /tmp/held && return 0
	WHY="no buffer: $(cat /tmp/heap)"
	holder=
	return 1
}

let_buffer_go()
{
	[ -n "$holder" ] || return 0
	kill "$holder"
	wait "$holder" 2>/dev/null
	holder=
}

# shared_buffer KIB: user space shares a buffer, and gives it back
shared_buffer()
{
	hold_buffer "$1" || return 1
	mark buffer
	memory_facts buffer
	[ -z "$(cc_stat granule)" ] ||
		echo "# with the buffer: $(cc_stat chunks) chunks," \
			"$(cc_stat small_pages) pages of 4 KiB one by one"
	let_buffer_go
}

# nothing_was_killed: no process, not even the filler
nothing_was_killed()
{
	WHY="$(dmesg | grep -m 1 'Out of memory')"
	[ -z "$WHY" ] || return 1
	WHY="the filler is gone"
	kill -0 "$filler" 2>/dev/null
}

# --- disks (layout: lab/cvmlab/disks.py) ----------------------------------

# scsi_serial DIR: the unit serial number of a SCSI disk: page 80h of its vital
# product data, which begins with four bytes of header
scsi_serial()
{
	[ -f "$1/device/vpd_pg80" ] && tail -c +5 "$1/device/vpd_pg80" | tr -d ' \000'
}

# disk_device NAME: the block device whose serial number is NAME
disk_device()
{
	local dir serial

	for dir in /sys/block/*; do
		if [ "$(scsi_serial "$dir")" = "$1" ]; then
			echo "/dev/${dir##*/}"
			return 0
		fi
		for serial in "$dir/serial" "$dir/device/serial"; do
			[ -f "$serial" ] || continue
			if [ "$(tr -d ' ' < "$serial")" = "$1" ]; then
				echo "/dev/${dir##*/}"
				return 0
			fi
		done
	done
	return 1
}

forget_cache()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

# area_sum DEVICE MIB: sha256 of 16 MiB from there on, from the device itself
area_sum()
{
	forget_cache
	dd if="$1" bs=1M skip="$2" count=16 iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1
}

# read_disk NAME: the read area, compared by the runner
read_disk()
{
	local dev

	WHY="no disk with serial number $1"
	dev=$(disk_device "$1") || return 1
	request verify "$1" read "$(area_sum "$dev" 0)"
}

# write_disk NAME: write the read area's bytes, each plus one, and read them
# back from the device
write_disk()
{
	local dev

	WHY="no disk with serial number $1"
	dev=$(disk_device "$1") || return 1
	WHY="write to $dev failed"
	dd if="$dev" bs=1M count=16 iflag=direct 2>/dev/null | tr '\000-\377' '\001-\377\000' |
		dd of="$dev" bs=1M seek=32 conv=notrunc,fsync iflag=fullblock 2>/dev/null || return 1
	request verify "$1" written "$(area_sum "$dev" 32)"
}

# --- network interfaces and drivers ---------------------------------------

# driver_folder DRIVER: where its bus has it
driver_folder()
{
	local dir

	for dir in /sys/bus/pci/drivers/"$1" /sys/bus/vmbus/drivers/"$1"; do
		[ -d "$dir" ] || continue
		echo "$dir"
		return 0
	done
	return 1
}

# driver_interface DRIVER: the (first) interface bound to it
driver_interface()
{
	local dir

	for dir in "$(driver_folder "$1")"/*/net/*; do
		[ -d "$dir" ] || continue
		echo "${dir##*/}"
		return 0
	done
	return 1
}

# driver_device DRIVER: the (first) device bound to it: a link that is named by
# its PCI address, or by its GUID on the VMBus
driver_device()
{
	local dir

	for dir in "$(driver_folder "$1")"/*; do
		[ -e "$dir/uevent" ] || continue
		case "${dir##*/}" in
		*:*:*.* | *-*-*-*-*)
			echo "${dir##*/}"
			return 0
			;;
		esac
	done
	return 1
}

# interface_of ADDRESS: the interface with that hardware address
interface_of()
{
	local dir

	for dir in /sys/class/net/*; do
		[ "$(cat "$dir/address")" = "$1" ] || continue
		echo "${dir##*/}"
		return 0
	done
	return 1
}

# pair_interface DEVICE END: one of two interfaces that are joined (END a or b;
# the addresses: lab/cvmlab/devices.py)
pair_interface()
{
	case "$1-$2" in
	hv-net-pair-a)		interface_of 52:54:00:68:76:01 ;;
	hv-net-pair-b)		interface_of 52:54:00:68:76:02 ;;
	virtio-net-pair-a)	interface_of 52:54:00:76:69:01 ;;
	virtio-net-pair-b)	interface_of 52:54:00:76:69:02 ;;
	e1000e-pair-a)		interface_of 52:54:00:82:74:01 ;;
	e1000e-pair-b)		interface_of 52:54:00:82:74:02 ;;
	igb-pair-a)		interface_of 52:54:00:82:76:01 ;;
	igb-pair-b)		interface_of 52:54:00:82:76:02 ;;
	*)			return 1 ;;
	esac
}

# has_vmbus: this platform has the devices whose names begin with hv-
has_vmbus()
{
	case "$PLATFORM" in
	hv | hv-*)	return 0 ;;
	*)		return 1 ;;
	esac
}

# --- IOMMUs ------------------------------------------------------------------

# iommu_group DEVICE: the folder of the group of a PCI device
iommu_group()
{
	readlink -f "/sys/bus/pci/devices/$1/iommu_group"
}

# iommu_type DEVICE: the type of its group's default domain
iommu_type()
{
	cat "$(iommu_group "$1")/type"
}

# group_is DEVICE TYPE: whether its group has that type, or that with a flush queue
group_is()
{
	local type

	type=$(iommu_type "$1")
	WHY="the type of $1's group is $type"
	case "$type" in
	"$2" | "$2-FQ")	return 0 ;;
	esac
	return 1
}

# iommu_finish: as finish, after drivers let go of their devices. At power-off Linux
# resets a virtio IOMMU before the devices behind it: what those unmap then fails,
# with a warning for each page, stock kernel or not.
iommu_finish()
{
	local driver dev

	[ "$PLATFORM" = viommu ] || finish
	for driver in e1000e igb nvme; do
		while dev=$(driver_device "$driver"); do
			unbind "$driver" "$dev" || break
		done
	done
	finish
}

DMA_RO=/sys/kernel/debug/iommu/dma_ro

# whole_granules FROM TO: bytes of System RAM there, in whole granules of 2 MiB; not
# of memory that a driver manages
whole_granules()
{
	local line start end sum=0 granule=$((2 << 20))

	for line in $(sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/\1-\2/p' /proc/iomem); do
		start=$(((0x${line%-*} + granule - 1) / granule * granule))
		end=$(((0x${line#*-} + 1) / granule * granule))
		[ "$start" -ge "$1" ] || start=$1
		[ "$end" -le "$2" ] || end=$2
		[ "$start" -ge "$end" ] || sum=$((sum + end - start))
	done
	echo "$sum"
}

# windows_are_memory: what devices may read is System RAM, neither more nor less.
# Each line of the file: device, first-last, readable BYTES, writable BYTES
windows_are_memory()
{
	local dev range word bytes expected lines=0

	while read -r dev range word bytes _; do
		lines=$((lines + 1))
		expected=$(whole_granules $((${range%-*})) $((${range#*-} + 1)))
		WHY="$dev can read $bytes bytes of $expected in $range"
		[ "$bytes" = "$expected" ] || return 1
	done < "$DMA_RO/windows"
	echo "# $lines windows, the last of $expected bytes"
	WHY="no windows"
	[ "$lines" -gt 0 ] && [ "$expected" -gt 0 ]
}

# pci_device VENDOR DEVICE: the address of the (first) device with these numbers
pci_device()
{
	local dir

	for dir in /sys/bus/pci/devices/*; do
		[ "$(cat "$dir/vendor") $(cat "$dir/device")" = "$1 $2" ] || continue
		echo "${dir##*/}"
		return 0
	done
	return 1
}

# What the emulated IOMMU is asked to do, as QEMU's traces name it: to
# invalidate, and to map or unmap; and how often it is woken up for that.
case "$PLATFORM" in
vtd | vtd-cm)
	IOMMU_REQUESTS="vtd_inv_desc_iotlb_domain vtd_inv_desc_iotlb_pages vtd_inv_desc_iotlb_global"
	IOMMU_WAKES=vtd_inv_qi_tail
	;;
amdvi)
	IOMMU_REQUESTS="amdvi_pages_inval amdvi_domain_inval"
	IOMMU_WAKES=amdvi_completion_wait
	;;
viommu)
	IOMMU_REQUESTS="virtio_iommu_map virtio_iommu_unmap"
	IOMMU_WAKES=
	;;
smmuv3)
	IOMMU_REQUESTS="SMMU_CMD_TLBI_NH_ALL SMMU_CMD_TLBI_NH_ASID SMMU_CMD_TLBI_NH_VA
		SMMU_CMD_TLBI_NH_VAA SMMU_CMD_TLBI_NSNH_ALL"
	IOMMU_WAKES=smmuv3_cmdq_consume_out
	;;
esac

# figures_between FROM TO EVENT...: how many of the events came between two marks
figures_between()
{
	local from="$1" to="$2" event sum=0 before after

	shift 2
	for event; do
		before=$(figure "$from" "$event") || before=0
		after=$(figure "$to" "$event") || after=0
		sum=$((sum + after - before))
	done
	echo "$sum"
}

# --- what drivers do to shared memory: the demo's workload -------------------

# up_and_down INTERFACE: once; the flag IFF_UP (bit 0) tells
up_and_down()
{
	WHY="$1 did not come up"
	ip link set "$1" up || return 1
	[ $(($(cat "/sys/class/net/$1/flags") & 1)) = 1 ] || return 1
	WHY="$1 did not go down"
	ip link set "$1" down || return 1
	[ $(($(cat "/sys/class/net/$1/flags") & 1)) = 0 ]
}

# updown DRIVER: CYCLES times up and down
updown()
{
	local name i

	WHY="no interface of driver $1"
	name=$(driver_interface "$1") || return 1
	for i in $(seq "$CYCLES"); do
		up_and_down "$name" && continue
		WHY="$WHY in cycle $i"
		return 1
	done
}

# settled DRIVER: what its devices give user space is there again
settled()
{
	case "$1" in
	nvme)
		disk_device nvme > /dev/null
		;;
	hv_storvsc)
		disk_device hv-scsi > /dev/null
		;;
	*)
		driver_interface "$1" > /dev/null
		;;
	esac
}

unbind()
{
	local dir=$(driver_folder "$1")

	WHY="unbind of $1 $2 failed"
	echo "$2" > "$dir/unbind" || return 1
	[ ! -e "$dir/$2" ]
}

# bind DRIVER DEVICE: bind, and wait for what user space sees of it
bind()
{
	local dir=$(driver_folder "$1") tries=0

	WHY="bind of $1 $2 failed"
	echo "$2" > "$dir/bind" || return 1
	[ -e "$dir/$2" ] || return 1
	until settled "$1"; do
		WHY="$1 gave no device within 10 s"
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 100000
	done
}

# rebind DRIVER: CYCLES times unbind and bind
rebind()
{
	local driver="$1" dev i

	WHY="no device of driver $driver"
	dev=$(driver_device "$driver") || return 1
	for i in $(seq "$CYCLES"); do
		unbind "$driver" "$dev" && bind "$driver" "$dev" && continue
		WHY="$WHY in cycle $i"
		return 1
	done
}

# workload: needs virtio-blk virtio-net virtio-rng e1000e igb nvme, and hv-scsi
# hv-net where there is a VMBus; prints WORKLOAD_CHECKS results
CYCLES=${CYCLES:-10}
WORKLOAD_CHECKS=10
if has_vmbus; then
	WORKLOAD_CHECKS=16
fi

workload()
{
	check "platform detected" on_platform
	check "virtio-blk read" read_disk virtio-blk
	check "virtio-blk write and read back" write_disk virtio-blk
	if has_vmbus; then
		check "hv-scsi read" read_disk hv-scsi
		check "hv-scsi write and read back" write_disk hv-scsi
	fi
	mark io
	check "e1000e up and down" updown e1000e
	check "igb up and down" updown igb
	if has_vmbus; then
		check "hv_netvsc up and down" updown hv_netvsc
	fi
	mark updown
	check "e1000e unbind and bind" rebind e1000e
	check "igb unbind and bind" rebind igb
	check "nvme unbind and bind" rebind nvme
	if has_vmbus; then
		check "hv_netvsc unbind and bind" rebind hv_netvsc
		check "hv_storvsc unbind and bind" rebind hv_storvsc
	fi
	mark rebind
	check "virtio-blk read again" read_disk virtio-blk
	check "nvme read" read_disk nvme
	if has_vmbus; then
		check "hv-scsi read again" read_disk hv-scsi
	fi
	mark final
}
