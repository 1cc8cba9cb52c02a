#!/bin/sh
# SPDX-License-Identifier: MIT
#
# includes.sh [TOP] - fails on an include that breaks the rule of the house:
#
#     bits <- block <- {freelist, region, harden} <- pool <- lock <- {cache, check, fault, deferred} <- {stats, step, heap, rescue, create}
#
# (stats asks the cache layer what it holds, step is made of the facts of check.) The small core has block.h in common with it, and
# nothing else: block <- small/small.h <- small/*.c
# The core includes include/ and the compiler's own headers, never a port, an operating system or a C library. A port includes
# include/, its own folder and whatever its system has, never src/. Every file of the core must be named below: a new one
# comes with its place in the order.
set -u
cd "${1:-.}" || exit 2
status=0

broken() {
    echo "$1: $2"
    status=1
}

# What a file of the core may include itself.
allowed() {
    case $1 in
    bits.h | names.c) echo '<freehold.h>' ;;
    block.h) echo '"bits.h"' ;;
    freelist.h | region.h) echo '"block.h"' ;;
    freelist.c) echo '"freelist.h"' ;;
    region.c) echo '"region.h"' ;;
    harden.h) echo '"block.h"' ;;
    pool.h) echo '"freelist.h" "harden.h" "region.h"' ;;
    pool.c) echo '"pool.h"' ;;
    lock.h) echo '"pool.h"' ;;
    cache.h | check.h | fault.c | deferred.c | harden.c) echo '"lock.h"' ;;
    check.c | step.c) echo '"check.h"' ;;
    cache.c) echo '"cache.h" "lock.h"' ;;
    stats.c | heap.c | rescue.c | create.c) echo '"lock.h" "cache.h"' ;;
    small/small.h) echo '"../block.h"' ;;
    small/*.c) echo '"small.h"' ;;
    *) return 1 ;;
    esac
}

# All includes of a file, one a line; anything else than a name in quotes or brackets is an error of its own.
includes_of() {
    sed -n 's/^[ 	]*#[ 	]*include[_next]*[ 	]*\([^ 	]*\).*/\1/p' "$1"
}

[ -f src/heap.c ] || broken src "no core here"
for file in src/* src/small/*; do
    [ "$file" != src/small ] || continue
    name=${file#src/}
    case $name in *.c | *.h) ;; *) broken "$file" "neither .c nor .h" && continue ;; esac
    if ! may=$(allowed "$name"); then
        broken "$file" "has no place in the order of includes; see tests/build/includes.sh"
        continue
    fi
    for include in $(includes_of "$file"); do
        case " $may " in
        *" $include "*) ;;
        *) broken "$file" "may not include $include, only $may" ;;
        esac
    done
done

for file in include/*; do
    for include in $(includes_of "$file"); do
        case $include in
        '<stdbool.h>' | '<stddef.h>' | '<stdint.h>') ;;
        *) broken "$file" "may not include $include" ;;
        esac
    done
done

for file in $(find port -name '*.[chS]'); do
    for include in $(includes_of "$file"); do
        name=$(echo "$include" | tr -d '<>"')
        case $include in
        *src/*) broken "$file" "includes $include: a port knows include/ only" ;;
        '<'*) [ ! -f "src/$name" ] || broken "$file" "includes $include: a port knows include/ only" ;;
        *) [ -f "$(dirname "$file")/$name" ] || broken "$file" "includes $include, which is not in its folder" ;;
        esac
    done
done
exit $status
