#!/bin/sh
# SPDX-License-Identifier: MIT
#
# simavr.sh QEMU'S OPTIONS - takes the image from -kernel and runs it in simavr as QEMU would: what the image writes to its serial
# port on standard output, as it is, and a status of its own for each end: 33 when it went to sleep for good, 1 when it crashed.
#
# simavr colours each line and ends it with a dot. After a crash it waits for a debugger, so it is ended from here.
set -u
while [ $# -gt 0 ] && [ "$1" != -kernel ]; do
    shift
done
dir=$(mktemp -d)
mkfifo "$dir/lines"
stdbuf -oL -eL simavr -v -v -v -m atmega1284p -f 16000000 "$2" >"$dir/lines" 2>&1 &
machine=$!
trap 'kill $machine 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' TERM INT
escape=$(printf '\033') return=$(printf '\r') status=1
while IFS= read -r line; do
    line=${line#"$escape[0m"}
    line=${line#"$escape[32m"}
    line=${line%"$return"}
    case $line in
    *'quitting gracefully'*) status=33 && break ;;
    avr_sadly_crashed*) break ;;
    'Loaded '[0-9]*) continue ;;
    esac
    printf '%s\n' "${line%.}"
done <"$dir/lines"
exit $status
