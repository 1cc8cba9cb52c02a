#!/bin/sh
# SPDX-License-Identifier: MIT
#
# abi-32.sh FILE - what programs with 32-bit pointers are on this machine: i386 where its kernel runs them; else x32, which the tests run in a
# 64-bit process (tests/bugs/top/launch.c): some kernels for x86-64 have no 32-bit side, and some virtual machines cannot have one.
# Nothing on other machines. The answer is kept in FILE.
set -u
file=$1
if [ -s "$file" ]; then
    cat "$file"
    exit
fi
[ "$(uname -sm)" = 'Linux x86_64' ] || exit 0
mkdir -p "${file%/*}"
# exit(0)
printf '%s\n' '__asm__(".globl _start\n_start:\n\tmov $1, %eax\n\txor %ebx, %ebx\n\tint $0x80\n");' >"$file.c"
# $1: the compiler's flag
compiles() {
    ${CC:-cc} "$1" -nostdlib -static "$file.c" -o "$file.probe" 2>/dev/null
}
if compiles -m32 && "$file.probe" 2>/dev/null; then
    echo i386 >"$file"
elif compiles -mx32; then
    echo x32 >"$file"
fi
rm -f "$file.c" "$file.probe"
[ ! -s "$file" ] || cat "$file"
