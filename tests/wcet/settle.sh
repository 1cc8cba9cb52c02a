#!/bin/sh
# SPDX-License-Identifier: MIT
#
# settle.sh TALLY LIMITS FACTS FILE ... - the verdict on a set of measurements.
#
# The facts against the limits, and the FILEs of which nothing came: failed ones fail, absent ones (see attempt.sh) are skipped;
# both are removed, so that the next run tries them again. With TALLY `-` it is printed and the status is 1 if something failed, or
# was absent with STRICT=1; else it goes to that file, for tests/tools/tally.sh. PARTIAL=1: limits on what was not measured are
# none. COST_STRICT=0: figures beyond their limits are shown, but pass.
set -u
tally=$1 limits=$2 facts=$3
shift 3
[ "$tally" = - ] || { mkdir -p "$(dirname "$tally")"; rm -f "$tally"; : >"$tally"; }
status=0
partial=${PARTIAL:-0}
for file in "$@"; do
    read -r kind name rest <"$file" || continue
    case $kind in
    absent) verdict="skip $name $rest" ;;
    failed) verdict="fail $name" status=1 ;;
    *) continue ;;
    esac
    [ "$kind" = absent ] && [ "${STRICT:-0}" = 1 ] && status=1
    partial=1
    if [ "$tally" = - ]; then echo "$verdict"; else echo "$verdict" >>"$tally"; fi
    rm -f "$file" "${file%.*}.elf"
done
judge="awk -v strict=${COST_STRICT:-1} -v partial=$partial"
if [ "$tally" = - ]; then
    $judge -f tests/size/judge.awk "$limits" "$facts" || status=1
    exit $status
fi
$judge -v tally="$tally" -f tests/size/judge.awk "$limits" "$facts" || true
