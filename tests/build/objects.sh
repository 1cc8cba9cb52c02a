#!/bin/sh
# SPDX-License-Identifier: MIT
#
# objects.sh DIR LABEL COMPILER [FLAG ...] - compiles the core at each level and looks at what came out.
#
# For each level: no warning (WARN, as errors), no header but the compiler's own (-nostdinc and its own folder), no undefined symbol
# once the core is put together, no function that calls itself. Prints `pass LABEL-LEVEL` or `fail LABEL-LEVEL`; why goes to
# the second stream. NM and OBJDUMP name the tools that read this target's objects; OBJDUMP=none: not looked for self-calls.
set -u
dir=$1 label=$2 cc=$3
shift 3
here=$(dirname "$0")
: "${CORE_CFLAGS:=-std=c11 -ffreestanding -Iinclude}" "${WARN:=-Wall -Werror}" "${LEVELS:=-O0 -Os -O2 -O3}" "${NM:=nm}" "${OBJDUMP:=objdump}" "${SOURCES:=src/*.c}"

# The folder of the compiler's own headers, and no other. tcc has no stdint.h of its own.
own_headers() {
    case $cc in
    *tcc*) ;;
    *clang*) echo "-nostdinc -isystem $($cc -print-resource-dir)/include" ;;
    *) echo "-nostdinc -isystem $($cc -print-file-name=include) -isystem $($cc -print-file-name=include-fixed)" ;;
    esac
}

# Symbols that some object wants and none has.
undefined_in() {
    "$NM" -g "$@" 2>&1 | awk '
        NF >= 2 && $(NF - 1) == "U" { wanted[$NF] = 1; next }
        NF >= 2 && $(NF - 1) ~ /^[A-Za-z]$/ { has[$NF] = 1 }
        /no symbols|not recognized/ { print "unreadable:", $0 }
        END { for (s in wanted) if (!(s in has) && s != "_GLOBAL_OFFSET_TABLE_") print s
              if (!("fh_malloc" in has) && !("calloc" in has)) print "(no fh_malloc in what was read)" }'
}

one_level() {
    out=$dir/$label$level
    rm -rf "$out"
    mkdir -p "$out"
    for source in $SOURCES; do
        # shellcheck disable=SC2086
        if ! $cc $level $CORE_CFLAGS $WARN $headers $flags -c "$source" -o "$out/$(basename "$source" .c).o" 2>"$out/said"; then
            echo "$label $level: $source does not compile:" >&2
            head -20 "$out/said" >&2
            return 1
        fi
    done
    missing=$(undefined_in "$out"/*.o)
    if [ -n "$missing" ]; then
        echo "$label $level: undefined: $(echo $missing)" >&2
        return 1
    fi
    [ "$OBJDUMP" = none ] || sh "$here/selfcalls.sh" "$OBJDUMP" "$out"/*.o >&2
}

headers=$(own_headers)
flags=$*
for level in $LEVELS; do
    if one_level; then
        echo "pass $label$level"
    else
        echo "fail $label$level"
    fi
done
