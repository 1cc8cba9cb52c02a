#!/bin/sh
# SPDX-License-Identifier: MIT
#
# plot.sh DIR MACHINE ... - draws DIR/wcet-MACHINE.svg, DIR/wcet-growth.svg and, for the machines of one span, DIR/wcet-growth-span.svg from
# what run.sh and facts.awk left in DIR/wcet.
set -eu
dir=$1
shift
here=$(dirname "$0")
step=4

fact() {
    awk -v name="$1" '$1 == name { print $2; found = 1 } END { if (!found) print 0 }' "$dir/wcet/$machine.facts"
}
limit() {
    awk -v name="$1" '$1 == name { print $3; found = 1 } END { if (!found) print 0 }' "$here/limits"
}

# What is absent or failed has no counts; see attempt.sh.
for machine in "$@"; do
    shift
    grep -q '^count' "$dir/wcet/$machine.txt" && set -- "$@" "$machine"
done
[ $# != 0 ] || exit 0

for machine in "$@"; do
    for fn in fh_malloc fh_free; do
        awk -v wanted=$fn -v step=$step -f "$here/histogram.awk" "$dir/wcet/$machine.txt" >"$dir/wcet/$machine.$fn.dat"
    done
    case $machine in *-small | *-same) typical='embedded workloads' ;; *) typical='recorded programs' ;; esac
    gnuplot -e "out='$dir/wcet-$machine.svg'; machine='$machine'; step=$step; typical='$typical';
        data_a='$dir/wcet/$machine.fh_malloc.dat'; data_b='$dir/wcet/$machine.fh_free.dat';
        worst_a=$(fact wcet/$machine/fh_malloc/worst); worst_b=$(fact wcet/$machine/fh_free/worst);
        limit_a=$(limit wcet/$machine/fh_malloc/worst); limit_b=$(limit wcet/$machine/fh_free/worst)" "$here/histogram.gp"
done

# NAME MACHINE ...: of these, in one plot.
growth() {
    name=$1
    shift
    [ $# != 0 ] || return 0
    for machine in "$@"; do
        sed -n 's|^wcet/[^/]*/fh_malloc/worst/\([0-9]*\) .*|\1|p' "$dir/wcet/$machine.facts"
    done | sort -nu >"$dir/wcet/$name.free"
    while read -r free; do
        printf %s "$free"
        for machine in "$@"; do
            printf ' %s %s' "$(fact "wcet/$machine/fh_malloc/worst/$free")" "$(fact "wcet/$machine/fh_free/worst/$free")"
        done
        echo
    done <"$dir/wcet/$name.free" >"$dir/wcet/$name.dat"
    gnuplot -e "out='$dir/wcet-$name.svg'; data='$dir/wcet/$name.dat'; machines='$*'; most=$(tail -1 "$dir/wcet/$name.free")" "$here/growth.gp"
}

whole= spanned=
for machine in "$@"; do
    case $machine in
    *-small | *-same) spanned="$spanned $machine" ;;
    *) whole="$whole $machine" ;;
    esac
done
growth growth $whole
growth growth-span $spanned
