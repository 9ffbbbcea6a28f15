# SPDX-License-Identifier: GPL-2.0
# Sourced by the shell scripts beside it: errors, progress, the cache folder.
#
# stdout belongs to the result (a path, a commit id); everything that is told
# to a person goes to stderr, so that scripts can be used in $(...).

set -euo pipefail
shopt -s inherit_errexit

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cvm-io}
JOBS=${JOBS:-$(nproc)}
export CACHE JOBS

# A user's own environment must not leak into builds and git calls.
export LC_ALL=C.UTF-8
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE MAKEFLAGS MFLAGS MAKELEVEL KBUILD_OUTPUT ARCH CROSS_COMPILE

die()
{
	echo "${0##*/}: error: $*" >&2
	exit 1
}

say()
{
	echo "== $*" >&2
}

cache_init()
{
	mkdir -p "$CACHE" 2>/dev/null ||
		die "cannot create the cache folder $CACHE: set CACHE to a folder you can write to"
	CACHE=$(cd "$CACHE" && pwd)
	mkdir -p "$CACHE/dl" "$CACHE/log" "$CACHE/ccache" 2>/dev/null ||
		die "cannot write to the cache folder $CACHE: set CACHE to a folder you can write to"
	# Trees that lie side by side in the cache share what they compile.
	export CCACHE_DIR=${CCACHE_DIR:-$CACHE/ccache} CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$CACHE
}

# need_space GIB: refuse to start what cannot end.
need_space()
{
	local free

	free=$(df -Pk "$CACHE" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge "$1" ] ||
		die "$CACHE has $free GiB free, $1 GiB are needed: free some space or set CACHE to another disk"
}

# lock NAME: serialise work on one part of the cache between checkouts. The
# lock is held until the script ends. Children close the descriptor where they
# could outlive it.
lock()
{
	exec {LOCK_FD}> "$CACHE/$1.lock"
	flock -n "$LOCK_FD" && return
	say "waiting for another run that uses $CACHE ($1)"
	flock "$LOCK_FD"
}

need_tool()
{
	command -v "$1" > /dev/null || die "$1 is missing: run 'make deps'"
}

# logged TITLE LOG COMMAND...: run with output to LOG and a sign of life for the
# reader; on failure show the end of the log and stop. EXPECTED= says how many
# lines it will be, where that is known.
logged()
{
	local title=$1 log=$2 start=$SECONDS pid rc=0 next=15 age
	shift 2

	mkdir -p "$(dirname "$log")"
	say "$title (log: $log)"
	"$@" > "$log" 2>&1 < /dev/null &
	pid=$!
	trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; echo "${0##*/}: interrupted: $title; run the same command again to resume" >&2; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		age=$((SECONDS - start))
		[ "$age" -lt "$next" ] && continue
		echo "   $title: ${age} s, $(wc -l < "$log")${EXPECTED:+ of about $EXPECTED} log lines" >&2
		next=$((next + 30))
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	if [ "$rc" -ne 0 ]; then
		tail -n 25 "$log" | sed 's/^/   | /' >&2
		if tail -n 25 "$log" | grep -qi 'No space left on device'; then
			die "$title failed: the disk is full; free some space or set CACHE to another disk"
		fi
		die "$title failed with status $rc; whole log: $log"
	fi
	say "$title: done in $((SECONDS - start)) s"
}

# base_field NAME COLUMN: a field of the file BASE.
base_field()
{
	awk -v n="$1" -v c="$2" '$1 == n { print $c; found = 1 } END { exit !found }' "$TOP/BASE" ||
		die "BASE has no entry '$1'"
}

export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-6G}
