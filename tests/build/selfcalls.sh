#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selfcalls.sh OBJDUMP OBJECT ... - names the functions that call themselves; fails if there is one.
#
# Compilers make calloc out of an allocation that is then zeroed, and memset out of a loop that is the body of memset: the function
# then calls itself without end. A call that is resolved names its target in the disassembly; of one that is not, the relocation
# on the next line counts, and what the disassembly names is meaningless.
set -u
objdump=$1
shift
"$objdump" -dr "$@" | awk '
    function hit() { if (!(name in seen)) { print name " calls itself"; seen[name] = 1; bad = 1 } }
    / R_[A-Z0-9_]+|\tR_[A-Z0-9_]+/ {
        pending = 0
        target = $NF
        sub(/[-+]0x[0-9a-f]+$/, "", target)
        if (target == name) hit()
        next
    }
    pending { pending = 0; hit() }
    /^[0-9a-f]+ <\.L.*>:$/ { next }
    /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); functions++; next }
    /[ \t](call[a-z]*|bl[xr.a-z]*|jal|jalr|brasl)[ \t].*<[^+>]*>/ {
        target = $0
        sub(/.*</, "", target)
        sub(/>.*/, "", target)
        pending = target == name
    }
    END {
        if (pending) hit()
        if (!functions) { print "no function found in the objects"; bad = 1 }
        exit bad
    }'
