#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selftest.sh DIR - breaks a copy of the house in each way that the scripts of this folder forbid, and sees them fail.
set -u
dir=$1
here=$(cd "$(dirname "$0")" && pwd)

# fresh - a copy to break.
fresh() {
    rm -rf "$dir/house"
    mkdir -p "$dir/house"
    cp -R Makefile include src port tests qemu "$dir/house"
}

# must_fail NAME SCRIPT - after a copy was broken.
must_fail() {
    if sh "$here/$2" "$dir/house" >"$dir/said" 2>&1; then
        echo "fail $1"
        echo "$1: $2 saw nothing" >&2
    else
        echo "pass $1"
    fi
}

append() {
    printf '%s\n' "$2" >>"$dir/house/$1"
}

fresh
if sh "$here/includes.sh" "$dir/house" >/dev/null && B=build sh "$here/files.sh" "$dir/house" >/dev/null; then
    echo "pass a-copy-passes"
else
    echo "fail a-copy-passes"
fi
fresh; append src/freelist.h '#include "region.h"'; must_fail freelist-knows-region includes.sh
fresh; append src/region.c '#include "freelist.h"'; must_fail region-knows-freelist includes.sh
fresh; append src/pool.c '#include "lock.h"'; must_fail pool-knows-lock includes.sh
fresh; append src/bits.h '#include "block.h"'; must_fail bits-knows-block includes.sh
fresh; append src/heap.c '# include <string.h>'; must_fail core-knows-libc includes.sh
fresh; append src/heap.c '#include "../port/posix/posix.h"'; must_fail core-knows-port includes.sh
fresh; append src/small/heap.c '#include "../pool.h"'; must_fail small-knows-pool includes.sh
fresh; append src/small/small.h '#include "../freelist.h"'; must_fail small-header-knows-freelist includes.sh
fresh; append src/extra.c '#include "bits.h"'; must_fail unknown-file includes.sh
fresh; append include/freehold.h '#include <stdio.h>'; must_fail header-knows-libc includes.sh
fresh; mkdir -p "$dir/house/port/static"; append port/static/extra.c '#include "../../src/pool.h"'; must_fail port-knows-core includes.sh
fresh; append port/static/extra.c '#include <pool.h>'; must_fail port-knows-core-by-path includes.sh
fresh; append port/static/extra.c 'int x;'; must_fail no-licence files.sh
fresh; append notes.txt 'x'; must_fail something-at-the-top files.sh
rm -rf "$dir/house"

# The objects: a function that calls itself, one that wants what is not there, a header that is not the compiler's.
cc=${GCC:-gcc}
"$cc" -O2 -c tests/build/fixtures/calloc.c -o "$dir/calloc.o"
if sh "$here/selfcalls.sh" objdump "$dir/calloc.o" >"$dir/said"; then echo "fail self-call-is-seen"; else echo "pass self-call-is-seen"; fi
grep -q '^calloc calls itself' "$dir/said" && echo "pass self-call-is-named" || echo "fail self-call-is-named"
if SOURCES=tests/build/fixtures/calloc.c LEVELS=-O0 WARN= sh "$here/objects.sh" "$dir" fixture "$cc" 2>/dev/null | grep -q '^fail'; then
    echo "pass undefined-is-seen"
else
    echo "fail undefined-is-seen"
fi
printf '#include <string.h>\nint calloc;\n' >"$dir/libc.c"
if SOURCES=$dir/libc.c LEVELS=-O0 WARN= sh "$here/objects.sh" "$dir" libc "$cc" 2>/dev/null | grep -q '^fail'; then
    echo "pass foreign-header-is-seen"
else
    echo "fail foreign-header-is-seen"
fi
