# SPDX-License-Identifier: GPL-2.0
# The command surface. Every target is a line or two that calls a script; the
# scripts print progress on stderr and results on stdout.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# Where downloads, build trees and ccache live, shared by all checkouts.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cvm-io
# A source directory or tarball to use instead of what BASE pins.
KSRC ?=
QSRC ?=
# make guest, make shell
PLATFORM ?= plain
KERNEL ?= series
ACCEL ?= tcg
CONFIG ?=
T ?= boot
OUT ?= out
export CACHE KSRC QSRC

# The composer, on the revision that BASE or KSRC names.
compose = base="$$(scripts/base linux)"; scripts/compose \
	--base-repo "$${base% *}" --base-rev "$${base\#* }"

##@ The two commands to start with
demo: deps ## the main job: stock and series kernels, emulated SEV, TDX and Hyper-V, same I/O, one table
	@scripts/demo $(OUT)
check: deps ## everything that CI runs (an hour with an empty cache, minutes with a warm one)
	@scripts/check $(OUT)/check

##@ The patch series
tree: deps ## unpack BASE, one real git commit per patch, in out/linux
	@$(compose) tree
save: deps ## split the commits in out/linux back into patches/ and added files
	@$(compose) save
mails: deps ## mails that git am takes, with cover letters, per section, in out/mails
	@$(compose) mails
refresh: deps ## write patches/ anew from what they compose to; changes nothing when in order
	@$(compose) refresh
rebase: deps ## move the series to KSRC=<dir or tarball>; stops at the first conflict
	@test -n "$(KSRC)" || { echo "rebase: error: say which base: make rebase KSRC=<dir or tarball>" >&2; exit 2; }
	@pinned="$$(KSRC= scripts/base linux)"; new="$$(scripts/base linux)"; \
		scripts/compose --base-repo "$${pinned% *}" --base-rev "$${pinned#* }" \
		rebase --base-rev "$${new#* }"

##@ Building
kernel: deps ## build a kernel: KERNEL=series|stock [CONFIG=<fragment>]; prints its path
	@scripts/kernel-build $(KERNEL) $(CONFIG)
qemu: deps ## unpack, patch and build the laboratory's QEMU; prints its path
	@scripts/qemu-build

##@ Guests
guest: deps ## boot one: PLATFORM=plain|sev|sev-snp|tdx|hv|hv-vbs|... KERNEL=stock|series|<bzImage> T=<test> [ACCEL=kvm]
	@scripts/guest $(PLATFORM) $(KERNEL) $(T) $(ACCEL)
guest-list: ## every guest test: name, platforms, one line
	@lab/run --list
shell: deps ## an interactive guest on this terminal: PLATFORM= KERNEL=
	@scripts/guest $(PLATFORM) $(KERNEL) --shell $(ACCEL)

##@ Tests and measurements
kunit: deps ## the series' KUnit suites, in a plain guest
	@scripts/guest plain series kunit tcg
lint: deps ## checkpatch, sparse, W=1, kernel-doc; only findings that the base has not
	@scripts/check $(OUT)/check lint
bench: deps ## series against stock, each figure with its target, and what the emulator costs; writes out/bench.json
	@scripts/deps full
	@scripts/bench $(OUT)
report: ## the HTML report of the last demo, from out/demo.json
	@lab/demo --report-only --out $(OUT)
check-full: ## check, and what takes hours: mutations, every prefix builds, debug kernels, arm64
	@scripts/deps full
	@scripts/check --full $(OUT)/check

##@ Housekeeping
deps: ## install the Debian packages that are needed (root), or print the line that does
	@scripts/deps
clean: ## remove out/ (the cache stays: remove $(CACHE) by hand)
	rm -rf out
help: ## this list
	@echo "usage: make TARGET [VARIABLE=value...]"
	@awk -F':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables\n'
	@printf '  %-12s %s\n' \
		CACHE 'downloads, build trees, ccache (now $(CACHE))' \
		KSRC 'kernel source directory or tarball instead of the pinned one' \
		QSRC 'QEMU source directory or tarball instead of the pinned one' \
		PLATFORM 'plain, sev, sev-snp, tdx, hv, hv-vbs, or another of lab/run --list-platforms' \
		KERNEL 'stock, series or the path of a bzImage' \
		ACCEL 'tcg: emulated platforms; kvm: a stock QEMU on real hardware' \
		CONFIG 'a fragment in configs/ to add, for example debug' \
		T 'a guest test, see make guest-list' \
		JOBS 'parallel jobs (default: all processors)'

.PHONY: demo check check-full tree save mails refresh rebase kernel qemu guest guest-list \
	shell kunit lint bench report deps clean help
