#!/bin/sh
# SPDX-License-Identifier: MIT
#
# measure.sh TARGET OUT - the code size of one target, from the bytes of linked programs. TARGET-small: the same with the small core.
#
# Promise: counts what a program would carry. The core is compiled for size and linked with the functions of a set as the only
# roots, everything unreachable removed; the sections of the result are added up. Unwind tables are not made: no kernel and no
# firmware loads them. Writes OUT.rows:
#
#     size TARGET SET text data bss
#     func TARGET SET bytes NAME
#     stack TARGET FUNCTION bytes PATH      where the compiler can tell; see stack.awk
#     broken TARGET SET reason              it did not compile or link
#
# Must not know: limits, tables. CORE_SRC and CORE_CFLAGS come from the Makefile.
set -eu
target=$1 out=$2
here=$(dirname "$0")

line=$(grep "^${target%-small} " "$here/targets") || { echo "measure.sh: no target $target" >&2; exit 2; }
set -- $line
cc=$2 ld=$3
shift 3
for word in "$@"; do
    case $word in
    -Wl,*) ld="$ld $(echo "$word" | sed 's/^-Wl,//; s/,/ /g')"; shift ;;
    esac
done
flags="$* -Os -fno-pic -fno-pie -fno-stack-protector -fno-unwind-tables -fno-asynchronous-unwind-tables -fomit-frame-pointer"

rm -rf "$out"
mkdir -p "$out"
rows=$out.rows.new
: >"$rows"

broken() {  # set, file with the reason
    echo "broken $target $1 $(grep -m1 -E 'error|undefined' "$2" | tr -s ' \t' ' ')" >>"$rows"
}

compile() {  # directory, more flags
    mkdir -p "$1"
    for source in $CORE_SRC; do
        $cc $CORE_CFLAGS $flags $2 -c "$source" -o "$1/$(basename "$source" .c).o" || return 1
    done
}

link() {  # directory, set, roots
    elf=$1/$2.elf
    roots=
    for root in $3; do roots="$roots -u $root"; done
    $ld -T "$here/link.ld" --gc-sections --build-id=none -e 0 $roots "$1"/*.o -o "$elf" || return 1
    readelf -sW "$elf" >"$elf.symbols"
    for root in $3; do
        awk -v name="$root" '$8 == name && $7 != "UND" { found = 1 } END { exit !found }' "$elf.symbols" \
            || { echo "error: $root is not defined"; return 1; }
    done
    readelf -SW "$elf" | sed -n 's/^ *\[ *[0-9]*\] //p' | awk -v target="$target" -v set="$2" '
        function hex(s,    i, n) {
            for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
            return n + 0
        }
        $7 !~ /A/ || ($1 == ".got" && target ~ /^mips/) { next }  # lld reserves two words there that nothing uses
        $1 !~ /^\.(text|rodata|data|bss)$/ { print "error: unexpected section " $1; bad = 1 }
        { size[substr($1, 2)] = hex($5) }
        END {
            print "size", target, set, size["text"] + size["rodata"], size["data"] + 0, size["bss"] + 0 >>rows
            exit bad
        }' rows="$rows" || return 1
    awk -v target="$target" -v set="$2" \
        '($4 == "FUNC" || $4 == "OBJECT") && $3 > 0 { print "func", target, set, $3, $8 }' "$elf.symbols" \
        | sort -k4,4nr -k5 >>"$rows"
}

build() {  # directory, more flags
    compile "$1" "$2" >"$out/log" 2>&1 && return
    broken "$(basename "$1")" "$out/log"
    return 1
}

weigh() {  # directory, set, roots
    link "$1" "$2" "$3" >"$out/log" 2>&1 || broken "$2" "$out/log"
}

# Every function and object that the header declares; of the small core, those that it has.
public=$(sed -n '/^typedef/d; s/^[a-z][^(]*[ *]\(fh_[a-z_]*\)(.*;.*/\1/p' include/freehold.h | sort -u)
case $target in
*-small) public=$(echo "$public" | grep -vE '^fh_(cache_.*|check_step)$') ;;
*) public="$public fh_cpu_cache" ;;
esac
pair="fh_malloc fh_free"
moving="$pair fh_realloc"
fixed="$moving fh_aligned_alloc fh_create fh_add_region"

callgraph=
case $cc in *gcc) callgraph=-fcallgraph-info=su ;; esac

if build "$out/full" "$callgraph"; then
    weigh "$out/full" malloc+free "$pair"
    weigh "$out/full" +realloc "$moving"
    weigh "$out/full" +aligned+create "$fixed"
    weigh "$out/full" everything "$public"
    [ -z "$callgraph" ] || awk -v target="$target" -v public="$public" -f "$here/stack.awk" "$here/through" "$out"/full/*.ci >>"$rows"
fi
if build "$out/single" -DFH_SINGLE_LIST; then
    weigh "$out/single" single-list "$pair"
    weigh "$out/single" single-list-all "$public"
fi
mv "$rows" "$out.rows"
