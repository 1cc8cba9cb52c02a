#!/bin/sh
# SPDX-License-Identifier: MIT
#
# count.sh BUILD OUT TRACE ... - instructions by callgrind, exact.
#
# Leaves in OUT lines `call BUILD PATTERN SIZE MALLOC FREE`, instructions per call, and `trace BUILD NAME INSTRUCTIONS` per operation over a
# whole replay, the frees of what is left at its end included.
set -eu
B=$1 out=$2
shift 2
: >"$out"

# Instructions inside the functions that match, callees included.
inside() {
    pattern=$1
    shift
    counted=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no "--toggle-collect=$pattern" "$@" 2>&1 >/dev/null |
        sed -n 's/,//g; s/.*Collected : *//p')
    # A program that ends early has counted little; zero is no count.
    if [ "${counted:-0}" = 0 ]; then
        echo "count.sh: nothing counted: $*" >&2
    else
        echo "$counted"
    fi
}

for build in bounded unsealed percpu cache cache-unsealed; do
    program=$B/fh-fastpath-$build
    case $build in
    cache*) malloc=fh_cache_malloc free=fh_cache_free ;;
    *) malloc=fh_malloc free=fh_free ;;
    esac
    for size in 24 200; do
        m0=$(inside $malloc "$program" none $size)
        f0=$(inside $free "$program" none $size)
        for pattern in pair batch; do
            m=$(inside $malloc "$program" $pattern $size)
            f=$(inside $free "$program" $pattern $size)
            [ -n "$m$f" ] || continue
            awk -v b=$build -v p=$pattern -v s=$size -v m="$m" -v f="$f" -v m0="$m0" -v f0="$f0" \
                'BEGIN { printf "call\t%s\t%s\t%s\t%.2f\t%.2f\n", b, p, s, (m - m0) / 1000, (f - f0) / 1000 }' >>"$out"
        done
    done
done
for trace in "$@"; do
    for build in freehold unsealed percpu cache cache-unsealed; do
        ops=$("$B/fh-replay" --tsv --passes 1 -a "$B/fh-adapter-$build.so" "$trace" | cut -f3)
        if [ -z "$ops" ]; then
            echo "count.sh: $build failed on $trace" >&2
            continue
        fi
        n=$(inside 'fh_adapter_*' "$B/fh-replay" --passes 1 --tsv -a "$B/fh-adapter-$build.so" "$trace")
        awk -v b=$build -v t="$(basename "$trace" .fht)" -v n="$n" -v ops="$ops" 'BEGIN { printf "trace\t%s\t%s\t%.2f\n", b, t, n / ops / 2 }' >>"$out"
    done
done
