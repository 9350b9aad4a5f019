#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Run the KUnit suite iommu_e2e_dmaengine: a DMA engine tries to reach memory that was
# unmapped. Print the results, and what a report about them needs: kernel, machine, IOMMUs,
# engines, and what the kernel logged about IOMMUs. All of it is one text, fit for a mail.
# It has no serial numbers, no MAC addresses, no host names, and of the kernel command line
# only what is about IOMMUs.
#
# Usage: iommu_dmaengine.sh [parameter of the module]...
#
#   channel=dma0chan0	only this channel, if nobody uses it
#   device=name		only channels of this device
#   faults=1		also have the engine access what is not mapped, which may stop it,
#			or the machine
#
# It needs no other file of the selftests: copy it to the board. Nothing is mounted; a module
# that this script has loaded is removed in the end.

suite=iommu_e2e_dmaengine
module="iommu-e2e-dmaengine-test"
loaded=/sys/module/iommu_e2e_dmaengine_test
debugfs=/sys/kernel/debug/kunit/$suite
begin="iommu_dmaengine.sh: begin $$"
remove=

KSFT_PASS=0
KSFT_FAIL=1
KSFT_SKIP=4

say() {
	echo "# $*"
}

# shellcheck disable=SC2317 # called when the script exits
clean_up() {
	for name in $remove; do
		[ -d "/sys/module/$name" ] || continue
		rmmod "$name" || say "$name stays loaded"
	done
	remove=
}

skip() {
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

fail() {
	echo "Bail out! $*"
	exit $KSFT_FAIL
}

# The kernel log, without levels and times
log() {
	dmesg | sed 's/^<[0-9]*>//; s/^\[[^]]*\]\(\[[^]]*\]\)* //'
}

# The part of it since this script began, or all if the beginning is lost
new_log() {
	log | awk -v begin="$begin" '
		{ line[NR] = $0 }
		index($0, begin) { first = NR }
		END { for (i = first + 1; i <= NR; i++) print line[i] }'
}

# What is about IOMMUs of the kernel log, and not of this suite
iommu_log() {
	log | grep -iE '[a-z]mmu|dmar|amd-vi|iotlb|apple-dart' |
		grep -viE "$suite|iommu_dmaengine.sh|^ |command line" |
		sed 's/\([0-9a-fA-F]\{2\}:\)\{5\}[0-9a-fA-F]\{2\}/xx:xx:xx:xx:xx:xx/g'
}

# The name of what the link $1 points to
target() {
	name=$(readlink "$1") && echo "${name##*/}" || echo none
}

about_kernel() {
	say "kernel: $(uname -r) $(uname -m)"
	# In parentheses: who built it, on which host
	say "built: $(sed 's/ ([^ )]*@[^)]*)//' /proc/version)"
	machine=
	for file in /sys/firmware/devicetree/base/model /sys/class/dmi/id/sys_vendor \
		    /sys/class/dmi/id/product_name /sys/class/dmi/id/board_name; do
		[ -r "$file" ] && machine="$machine $(tr -d '\0\n' < "$file")"
	done
	say "machine:${machine:- unknown}"
	options=
	# shellcheck disable=SC2013 # words, not lines
	for word in $(cat /proc/cmdline); do
		case $word in
		*iommu*|*smmu*|kunit.*|swiotlb=*) options="$options $word" ;;
		esac
	done
	say "options:${options:- none about IOMMUs}"
	if [ ! -r /proc/kallsyms ]; then
		say "iotlb_sync_always: unknown, without CONFIG_KALLSYMS"
	elif grep -q ' iommu_unmap_not_gathered$' /proc/kallsyms; then
		say "iotlb_sync_always: this kernel has it"
	else
		say "iotlb_sync_always: not found in this kernel"
	fi
}

about_iommus() {
	none="IOMMU: none"
	for iommu in /sys/class/iommu/*; do
		[ -e "$iommu" ] || continue
		none=
		set -- "$iommu"/devices/*
		[ -e "$1" ] || shift
		say "IOMMU: ${iommu##*/} driver $(target "$iommu/device/driver") devices $#"
	done
	[ -n "$none" ] && say "$none"
	cat /sys/kernel/iommu_groups/*/type 2> /dev/null | sort | uniq -c |
		while read -r count type; do
			say "groups: $count of type $type"
		done
}

about_engines() {
	none="DMA engine: none"
	for first in /sys/class/dma/dma*chan0; do
		[ -e "$first" ] || continue
		none=
		engine=${first%chan0}
		count=0
		used=
		for channel in "$engine"chan*; do
			count=$((count + 1))
			[ "$(cat "$channel/in_use")" = 0 ] || used="$used ${channel##*/}"
		done
		device=$first/device
		say "DMA engine: ${engine##*/} device $(target "$device")" \
		    "driver $(target "$device/driver") group $(target "$device/iommu_group")" \
		    "type $(cat "$device/iommu_group/type" 2> /dev/null || echo none)" \
		    "channels $count in use:${used:- none}"
	done
	[ -n "$none" ] && say "$none"
}

load() {
	if [ -d "$loaded" ]; then
		[ $# -eq 0 ] || fail "$module is loaded: these parameters need rmmod $module first"
		say "$module was loaded before: these are the results of then"
		begin="none: look at all of the kernel log"
		return
	fi
	if [ -z "$(find "/lib/modules/$(uname -r)" -name "$module.ko*" 2> /dev/null)" ]; then
		skip "no module $module: CONFIG_IOMMU_E2E_DMAENGINE_KUNIT_TEST=m"
	fi
	remove=${loaded##*/}
	[ -d /sys/module/kunit ] || remove="$remove kunit"
	# KUnit itself has parameters of that kind, as kunit.enable=1
	message=$(modprobe "$module" "$@" 2>&1) || fail "modprobe $module: $message"
}

# KTAP as the kernel has it: the suite is indented, and its last line is not
results() {
	if [ -r "$debugfs/results" ]; then
		# KUnit has the suite there, but has not run it: kunit.autorun=0
		grep -q '^    \(not \)\{0,1\}ok ' "$debugfs/results" || echo 1 > "$debugfs/run"
		cat "$debugfs/results"
	else
		new_log | awk -v suite="$suite" '
			/^    # Subtest: / && $NF == suite { inside = 1; found = "" }
			inside && /^( |# |ok |not ok )/ { found = found $0 "\n" }
			/^(not )?ok / { inside = 0 }
			END { printf "%s", found }'
	fi | grep -v -e '^KTAP version' -e '^1\.\.1$'
}

count() {
	echo "$text" | grep -cE "$1"
}

echo "TAP version 13"
[ "$(id -u)" = 0 ] || skip "run it as root"
about_kernel
about_iommus
about_engines

trap clean_up EXIT
trap 'exit $KSFT_FAIL' HUP INT TERM
echo "$begin" > /dev/kmsg
say "parameters: ${*:-none}"
load "$@"
[ -r "$debugfs/results" ] || say "$debugfs is not there: what follows is from the kernel log"
text=$(results)
if [ -z "$text" ]; then
	new_log | grep -q 'kunit: disabled' && skip "KUnit is disabled: kunit.enable=1"
	fail "there are no results"
fi
echo "1..1"
echo "$text"

iommu_log | tail -n 60 | sed 's/^/# log: /'
forgot=$(log | grep -c 'iotlb_sync_always is not set')
say "warnings that a driver does not declare iotlb_sync_always: $forgot"
failed=$(count '^    not ok ')
skipped=$(count '^    ok .*# SKIP')
passed=$(($(count '^    ok ') - skipped))
say "passed $passed, failed $failed, skipped $skipped"
echo "$text" | grep -q '^not ok ' && exit $KSFT_FAIL
[ "$passed" -gt 0 ] && exit $KSFT_PASS
exit $KSFT_SKIP
