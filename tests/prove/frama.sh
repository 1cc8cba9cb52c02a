# SPDX-License-Identifier: MIT
#
# frama.sh - what wp.sh and lists.sh share; read by them, with their arguments: MACHDEP DIR.
#
# Promise: each function ends the script with a message when its step fails.

set -u
machdep=$1
dir=$2
here=tests/prove
log=$dir/log

fail() {
    echo "$(basename "$0" .sh) $machdep: $*" >&2
    exit 1
}

# begin: an empty $dir, with copies of the headers.
begin() {
    rm -rf "$dir"
    mkdir -p "$dir/src" "$dir/share"
    export WHY3CONFIG="$dir/why3.conf"
    cp src/*.h "$dir/src" || exit 1
}

# annotate FOLDER HEADER ...: puts the notes of FOLDER/HEADER.acsl into the copies, and makes sure that these are comments.
annotate() {
    folder=$1
    shift
    for h; do
        [ -f "$folder/$h.acsl" ] || continue
        awk -f $here/annotate.awk "$folder/$h.acsl" "src/$h.h" >"$dir/src/$h.h" || fail "$h.acsl does not fit src/$h.h"
        sed ':again
            s,^\(/\*@[^@]*@\*/ \),,
            t again' "$dir/src/$h.h" | cmp -s - "src/$h.h" || fail "the copy of $h.h is not $h.h with comments"
    done
}

# provers: finds them, and completes WP's library; see theory.awk.
provers() {
    share=$(frama-c -print-share-path)/wp
    cp -r "$share/." "$dir/share"
    for f in cbits cint; do
        awk -f $here/theory.awk "$share/why3/frama_c_wp/$f.mlw" >"$dir/share/why3/frama_c_wp/$f.mlw"
        cmp -s "$share/why3/frama_c_wp/$f.mlw" "$dir/share/why3/frama_c_wp/$f.mlw" && fail "$f.mlw is not as theory.awk expects it"
    done
    why3 config detect >"$dir/provers" 2>&1 || fail "why3 finds no prover: $(cat "$dir/provers")"
}

# prove DEFINES FILE OPTIONS: adds to the log. The provers' time is the clock's: beside ten other programs, goals that need seconds alone were not
# done in a minute.
prove() {
    defines=$1
    shift
    frama-c -machdep "$machdep" -cpp-extra-args="-undef $defines -Iinclude -I$dir/src -I$dir" "$@" -wp -wp-share "$dir/share" -wp-rte \
        -wp-prover z3,cvc4 -wp-par "${JOBS:-2}" -wp-timeout 300 >>"$log" 2>&1 || fail "frama-c failed: see $log"
}

# conclude WHAT FUNCTION ...: the count, as the last line and in $dir/count. A function that the front end left out has no goals:
# silence is no proof.
conclude() {
    what=$1
    shift
    for f; do
        grep -q "annotating function $f\$" "$log" || fail "$f was not looked at"
    done
    awk -v machdep="$machdep" -v what="$what" '
        /^\[wp\] Proved goals:/ { proved += $4; of += $6 }
        /^\[wp\] \[(Failed|Timeout|Unknown)\]/ { print "not proved on " machdep ": " $4; bad++ }
        /(Missing assigns|degenerated|Stronger goal)/ { print; bad++ }
        END {
            printf "%s: %d of %d goals proved on %s\n", what, proved, of, machdep
            exit proved != of || of == 0 || bad != 0
        }' "$log" >"$dir/count"
    status=$?
    cat "$dir/count"
    exit $status
}
