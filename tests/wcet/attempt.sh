#!/bin/sh
# SPDX-License-Identifier: MIT
#
# attempt.sh NAME OUT "COMMAND:PACKAGE ..." COMMAND ... - makes OUT by COMMAND if the tools are there.
#
# With FROM=FILE, what the command works on: if that is absent or failed, so is OUT.
#
# Promise: OUT exists afterwards, and the status is 0, so that one measurement that fails is not the end of make. If tools are
# missing OUT is `absent NAME packages`, if the command failed `failed NAME`; settle.sh takes such files away again.
set -u
name=$1 out=$2 tools=$3
shift 3
mkdir -p "$(dirname "$out")"
rm -f "$out"
case $(head -c 6 "${FROM:-/dev/null}" | tr -d '\0') in
absent | failed)
    cp "$FROM" "$out"
    exit 0
    ;;
esac
if ! sh tests/tools/need.sh $tools; then
    echo "absent $name needs $tools" >"$out"
elif ! "$@" || [ ! -s "$out" ]; then
    echo "failed $name" >"$out"
fi
