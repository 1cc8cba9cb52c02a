#!/bin/sh
# SPDX-License-Identifier: MIT
#
# need.sh COMMAND:PACKAGE ... - makes sure that the commands are there. COMMAND may be a file's path, or a header in <>.
#
# What is missing is named. As root with apt it is announced and installed, unless INSTALL=0; otherwise the one line to run is
# printed and the status is 2.
set -u

has() {
    case $1 in
    /*) [ -e "$1" ] ;;
    '<'*) printf '#include %s\n' "$1" | ${CC:-cc} -E -x c - >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

lacking() {
    packages=
    for pair in "$@"; do
        has "${pair%%:*}" || packages="$packages ${pair#*:}"
    done
}

lacking "$@"
[ -n "$packages" ] || exit 0
packages=$(printf '%s\n' $packages | sort -u | tr '\n' ' ')
packages=${packages% }

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1 || [ "${INSTALL:-1}" = 0 ]; then
    echo "missing: $packages" >&2
    echo "run:     sudo apt-get install -y $packages" >&2
    exit 2
fi

# Verbs may ask side by side; apt may not.
lock=/var/lock/freehold-need
if command -v flock >/dev/null 2>&1 && [ -z "${FH_NEED_LOCKED:-}" ]; then
    FH_NEED_LOCKED=1 exec flock "$lock" sh "$0" "$@"
fi
echo "installing: $packages" >&2
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if ! apt-get install -y --no-install-recommends $packages >"$log" 2>&1; then
    if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
        tail -5 "$log" >&2
        rm -f "$log"
        echo "apt could not install them: no network, or no such package here." >&2
        echo "run when it can: apt-get update && apt-get install -y $packages" >&2
        exit 2
    fi
fi
rm -f "$log"
lacking "$@"
[ -z "$packages" ] || { echo "still missing after the installation:$packages" >&2; exit 2; }
