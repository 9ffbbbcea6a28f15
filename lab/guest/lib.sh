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

finish()
{
	exit $KTAP_FAILED
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

# mark NAME: the runner reads the emulator's books now
mark()
{
	request mark "$1" || echo "# mark $1: $WHY"
}

# fact KEY VALUE: a figure of the guest for the runner
fact()
{
	echo "fact $*" >&9
}

# memory_facts WHEN: direct map and the conversion counters, if there are any
memory_facts()
{
	fact "direct_map_4k_kb.$1" "$(awk '/^DirectMap4k:/ { print $2 }' /proc/meminfo)"
	awk -v when="$1" '/^cc_/ { print "fact vmstat." $1 "." when, $2 }' /proc/vmstat >&9
}

# --- platform ------------------------------------------------------------

# detected: what the kernel believes to run on: plain, sev, sev-snp or tdx
detected()
{
	local features

	features=$(dmesg | grep -i 'Memory Encryption Features active')
	case "$features" in
	*SEV-SNP*)	echo sev-snp ;;
	*SEV*)		echo sev ;;
	*TDX*)		echo tdx ;;
	*)		echo plain ;;
	esac
}

on_platform()
{
	local found="$(detected)"

	WHY="the kernel believes to run on $found, not on $PLATFORM"
	[ "$found" = "$PLATFORM" ]
}

# --- disks (layout: lab/cvmlab/disks.py) ----------------------------------

# disk_device NAME: the block device whose serial number is NAME
disk_device()
{
	local dir serial

	for dir in /sys/block/*; do
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

# driver_interface DRIVER: the interface bound to it
driver_interface()
{
	local dir

	for dir in /sys/bus/pci/drivers/"$1"/*/net/*; do
		[ -d "$dir" ] || continue
		echo "${dir##*/}"
		return 0
	done
	return 1
}

# driver_device DRIVER: the PCI address bound to it
driver_device()
{
	local dir

	for dir in /sys/bus/pci/drivers/"$1"/*:*; do
		[ -d "$dir" ] || continue
		echo "${dir##*/}"
		return 0
	done
	return 1
}
