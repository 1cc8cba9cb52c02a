#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh PASS_STATUS OUT COMMAND ... - runs an image; OUT gets its console, if it ended by itself, well, and said `done`.
set -u
pass=${1:-0} out=$2
shift 2
timeout 30 "$@" </dev/null >"$out.console" 2>"$out.errors"
status=$?
if [ $status != "$pass" ] || ! grep -q '^done' "$out.console"; then
    echo "run.sh: $out: status $status" >&2
    tail -3 "$out.console" "$out.errors" >&2
    exit 1
fi
tr -d '\r' <"$out.console" >"$out"
