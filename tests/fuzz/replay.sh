#!/bin/sh
# SPDX-License-Identifier: MIT
#
# replay.sh PROGRAM FOLDER - replays each input of the folder and prints `pass NAME` or `fail NAME`, and why on stderr.
#
# All in one process, which is quick; if that process fails, one process for each, which tells which inputs fail.
set -u
program=$1
folder=$2
if ! ls "$folder"/* >/dev/null 2>&1; then
    echo "fail corpus-is-empty"
    exit 0
fi
if timeout 300 "$program" "$folder"/* >/dev/null 2>&1; then
    for input in "$folder"/*; do
        echo "pass ${input##*/}"
    done
    exit 0
fi
for input in "$folder"/*; do
    if timeout 20 "$program" "$input" >/dev/null 2>"$program.err"; then
        echo "pass ${input##*/}"
    else
        echo "fail ${input##*/}"
        echo "$program $input" >&2
        head -12 "$program.err" >&2
    fi
done
