#!/bin/sh
# SPDX-License-Identifier: MIT
#
# plain.sh DIR COMPILER [PREFIX] - the core as a stranger may build it: without a flag, optimized but not freestanding, as a whole program.
#
# Each time it must compile, want no symbol that it does not have, and hold no function that calls itself. SOURCES: of which core;
# PREFIX: what the names of the results begin with.
set -u
dir=$1 cc=$2 prefix=${3:-}
here=$(dirname "$0")
: "${NM:=nm}" "${OBJDUMP:=objdump}" "${SOURCES:=src/*.c}"
top=$(pwd)
sources=
for source in $SOURCES; do
    sources="$sources $top/$source"
done

judge() {
    missing=$($NM -g "$@" | awk '
        NF >= 2 && $(NF - 1) == "U" { wanted[$NF] = 1; next }
        NF >= 2 && $(NF - 1) ~ /^[A-Za-z]$/ { has[$NF] = 1 }
        END { for (s in wanted) if (!(s in has) && s != "_GLOBAL_OFFSET_TABLE_") print s
              if (!("fh_malloc" in has)) print "(no fh_malloc in what was read)" }')
    [ -z "$missing" ] || { echo "undefined:" $missing && return 1; }
    sh "$here/selfcalls.sh" "$OBJDUMP" "$@"
}

# build NAME COMMAND ... - runs it in a folder of its own and judges the objects there.
build() {
    name=$1
    shift
    rm -rf "$dir/$name"
    mkdir -p "$dir/$name"
    if (cd "$dir/$name" && "$@") >"$dir/$name.said" 2>&1 && judge "$dir/$name"/*.o >>"$dir/$name.said" 2>&1; then
        echo "pass $name"
        return
    fi
    echo "fail $name"
    echo "$name: $*" >&2
    head -20 "$dir/$name.said" >&2
}

here=$(cd "$here" && pwd)
label=$prefix$(basename "$cc")
# shellcheck disable=SC2086
build "$label-no-flags" "$cc" -I"$top/include" -c $sources
for level in -Os -O2 -O3; do
    build "$label-plain$level" "$cc" $level -I"$top/include" -c $sources
done
case $label in
*gcc*)
    for level in -Os -O2 -O3; do
        build "$label-lto$level" "$cc" $level -flto -ffreestanding -nostdlib -r -flinker-output=nolto-rel -I"$top/include" $sources -o whole.o
    done
    ;;
esac
