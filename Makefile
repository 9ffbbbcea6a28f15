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
# make mails, make bundle
SECTION ?=
SIGNOFF ?=
RELEASE ?= 1
# make guest, make shell
PLATFORM ?= plain
KERNEL ?= series
ACCEL ?= tcg
CONFIG ?=
T ?= boot
OUT ?= out
DEBCONFIG ?= cloud-amd64
export CACHE KSRC QSRC DEBCONFIG

# The composer, on the revision that BASE or KSRC names.
compose = base="$$(scripts/base linux)"; scripts/compose \
	--base-repo "$${base% *}" --base-rev "$${base\#* }"

##@ Start with these two
demo: deps ## build QEMU and two kernels, boot stock and series on SEV, TDX and Hyper-V, print one table
	@scripts/demo $(OUT)
check: deps ## run everything that CI runs (an hour with an empty cache, then about 20 minutes)
	@scripts/check $(OUT)/check

##@ The patch series
tree: deps ## unpack the pinned kernel into out/linux, with one git commit per patch
	@$(compose) tree
save: deps ## write the commits of out/linux back into patches/ and the added files
	@$(compose) save
mails: deps ## write mails with cover letters for git am and b4, per section, to out/mails: [SECTION=] [SIGNOFF=yes]
	@case "$(SIGNOFF)" in yes) o=--signoff ;; ''|no) o= ;; \
		*) echo "mails: error: SIGNOFF=$(SIGNOFF): say SIGNOFF=yes, or leave it out" >&2; exit 2 ;; esac; \
		$(compose) mails $$o $(if $(SECTION),--section "$(SECTION)")
bundle: deps ## write branches for others to fetch, of the series and of its sections, to out/cvm-io.bundle: [RELEASE=1]
	@$(compose) bundle --release "$(RELEASE)"
refresh: deps ## write patches/ in normal form; changes nothing when it is in order
	@$(compose) refresh
rebase: deps ## move the series to another kernel, KSRC=<dir or tarball>; stops at the first conflict
	@test -n "$(KSRC)" || { echo "rebase: error: say which base: make rebase KSRC=<dir or tarball>" >&2; exit 2; }
	@pinned="$$(KSRC= scripts/base linux)"; new="$$(scripts/base linux)"; \
		scripts/compose --base-repo "$${pinned% *}" --base-rev "$${pinned#* }" \
		rebase --base-rev "$${new#* }"

##@ Building
kernel: deps ## build a kernel and print its path: KERNEL=series|stock [CONFIG=<fragment>]
	@scripts/kernel-build $(KERNEL) $(CONFIG)
deb: deps ## build Debian packages of the series, with Debian's configuration, in out/deb: DEBCONFIG=cloud-amd64|amd64|...
	@scripts/deb $(OUT)/deb
qemu: deps ## build the laboratory's QEMU and print its path
	@scripts/qemu-build

##@ Guests
guest: deps ## boot a guest and run a test: PLATFORM=plain|sev|tdx|hv-vbs|... KERNEL=stock|series|<bzImage> T=<test> [ACCEL=kvm]
	@scripts/guest $(PLATFORM) $(KERNEL) $(T) $(ACCEL)
guest-list: ## list the guest tests: name, platforms, what each shows
	@lab/run --list
shell: deps ## boot a guest with a shell on this terminal: PLATFORM= KERNEL=
	@scripts/guest $(PLATFORM) $(KERNEL) --shell $(ACCEL)

##@ Tests and measurements
kunit: deps ## run the series' KUnit suites in a plain guest
	@scripts/guest plain series kunit tcg
lint: deps ## check sizes, words, spelling, checkpatch, sparse, W=1, kernel-doc; report what the base does not have
	@scripts/check $(OUT)/check lint
bench: deps ## measure series against stock, each figure with its target, and what the emulator costs
	@scripts/deps full
	@scripts/bench $(OUT)
report: ## draw the HTML report of the last demo from out/demo.json
	@lab/demo --report-only --out $(OUT)
check-full: ## run check, and what takes hours: mutations, a build after each patch, debug kernels, arm64
	@scripts/deps full
	@scripts/check --full $(OUT)/check

##@ Housekeeping
deps: ## install the Debian packages that are needed (as root), or print the line that does
	@scripts/deps
clean: ## remove out/; the cache stays
	rm -rf out
help: ## show this list
	@echo "usage: make TARGET [VARIABLE=value...]"
	@awk -F':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables\n'
	@printf '  %-12s %s\n' \
		CACHE 'downloads, build trees, ccache (now $(CACHE))' \
		KSRC 'kernel source directory or tarball instead of the pinned one' \
		QSRC 'QEMU source directory or tarball instead of the pinned one' \
		SECTION 'the mails of one section (default: all)' \
		SIGNOFF 'yes: sign off in the name of the person in git config' \
		RELEASE 'number of the release that the bundle is tagged with (now $(RELEASE))' \
		PLATFORM 'plain, sev, sev-snp, tdx, hv, hv-vbs, or another of lab/run --list-platforms' \
		KERNEL 'stock, series or the path of a bzImage or of a package linux-image' \
		ACCEL 'tcg: emulated platforms; kvm: a stock QEMU on real hardware' \
		CONFIG 'a fragment in configs/ to add, for example debug' \
		T 'a guest test, see make guest-list' \
		DEBCONFIG 'for make deb: a flavour of Debian kernels (scripts/deb --flavours)' \
		JOBS 'parallel jobs (default: all processors)'

.PHONY: demo check check-full tree save mails bundle refresh rebase kernel deb qemu guest guest-list \
	shell kunit lint bench report deps clean help
