#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint.sh FOLDER FLAGS -- FILE ... - runs the analyzers over the files and leaves in FOLDER/findings one line for each finding:
# TOOL RULE FILE:LINE. What the tools said lies in FOLDER/TOOL.log.
#
# Promise: a tool that does not get through a file is a finding too (rule `error`), so that silence means that it was read.
# Must not know: which findings are accepted; see judge.awk.
set -u
folder=$1
shift
flags=
while [ "$1" != -- ]; do
    flags="$flags $1"
    shift
done
shift
mkdir -p "$folder"
: >"$folder/findings"

# What a compiler-like tool printed, as findings. $1: tool; the file is the one that the message names.
warnings() {
    sed -n "s|^\($PWD/\)\{0,1\}\([^: ]*:[0-9]*\):[0-9]*: [a-z]*: .*\[-*\([A-Za-z][A-Za-z0-9.=,-]*\)\]\$|$1 \3 \2|p" "$folder/$1.log" | sort -u >>"$folder/findings"
}

# $1: tool; the rest: the command, to which a file is added.
each() {
    tool=$1
    shift
    : >"$folder/$tool.log"
    for file in $files; do
        "$@" "$file" >>"$folder/$tool.log" 2>&1 || echo "$tool error $file:0" >>"$folder/findings"
    done
}

files="$*"
each gcc gcc $flags -Wall -Wextra -O2 -fanalyzer -c -o /dev/null
warnings gcc
each clang clang --analyze --analyzer-output text $flags
warnings clang
# cert-err33-c and its like concern libraries that the core does not call; nothing is left out but matters of layout and names.
each clang-tidy sh -c 'flags=$1; shift; exec clang-tidy --quiet "$@" -- $flags' sh "$flags" \
    '--checks=-*,bugprone-*,cert-*,clang-analyzer-*,misc-*,performance-*,portability-*'
warnings clang-tidy
cppcheck -q --std=c11 --max-configs=40 --enable=warning,style,performance,portability --inconclusive --addon=misra -Iinclude \
    --template='{file}:{line}: {id}' "$@" >"$folder/cppcheck.log" 2>&1 || echo "cppcheck error src:0" >>"$folder/findings"
sed -n 's|^\([^: ]*:[0-9]*\): \([A-Za-z][A-Za-z0-9._-]*\)$|cppcheck \2 \1|p' "$folder/cppcheck.log" | sort -u >>"$folder/findings"
