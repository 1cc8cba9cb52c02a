#!/bin/sh
# SPDX-License-Identifier: MIT
#
# image.sh OUT.elf MAIN.c BOARD LD CC CORE_FLAGS - links the core, compiled with CORE_FLAGS, and a main program into an image for a
# board of this folder. CORE_SRC, CORE_CFLAGS and WARN come from the Makefile; MAIN_FLAGS are for the main program alone.
set -eu
out=$1 main=$2 board=$3 ld=$4 cc=$5 core_flags=$6
here=$(dirname "$0")
objects=${out%.elf}.o

rm -rf "$objects"
mkdir -p "$objects"
for source in $CORE_SRC; do
    $cc $CORE_CFLAGS $core_flags -c "$source" -o "$objects/core-$(basename "$source" .c).o"
done
# Sibling calls would hide from the plugin where a call returns to.
for source in "$main" "$here/$board.c"; do
    $cc ${MAIN_FLAGS:-} $CORE_CFLAGS -O2 -fno-optimize-sibling-calls $WARN -Wno-pedantic -c "$source" -o "$objects/$(basename "$source" .c).o"
done
$ld -T "$here/$board.ld" --gc-sections --build-id=none "$objects"/*.o -o "$out"
