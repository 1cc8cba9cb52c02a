#!/bin/sh
# SPDX-License-Identifier: MIT
#
# spin.sh DIR MODEL DEFINES -- MUTANT ... - searches all states of tests/prove/MODEL.pml for an error, and finds one in each mutant.
#
# A mutant is the model built with -DMUTANT: broken on purpose, so that a model that could not fail is known. Prints one line;
# fails on an error in the model, on none in a mutant, and on a search that was cut short. The reduction of the state space by
# partial order is off: it does not go with `provided`.
set -u
dir=$1
model=$2
defines=
shift 2
while [ "$1" != -- ]; do
    defines="$defines $1"
    shift
done
shift
source=$(pwd)/tests/prove/$model.pml

# search NAME OPTIONS: leaves Spin's report in DIR/NAME/report.
search() {
    name=$1
    shift
    rm -rf "$dir/$name"
    mkdir -p "$dir/$name" || exit 1
    (
        cd "$dir/$name" && spin -a $defines "$@" "$source" && cc -w -O2 -DSAFETY -DNOREDUCE -DCOLLAPSE -o pan pan.c \
            && ./pan -n -m100000
    ) >"$dir/$name/report" 2>&1
}

errors() {
    sed -n 's/.*errors: \([0-9]*\)$/\1/p' "$dir/$1/report"
}

search model
if [ "$(errors model)" != 0 ] || grep -q 'not completed\|max search depth' "$dir/model/report"; then
    echo "spin $model: an error, or no whole search" >&2
    grep 'pan\|rror' "$dir/model/report" >&2
    exit 1
fi
for mutant in "$@"; do
    search "$mutant" "-D$mutant"
    if [ "$(errors "$mutant")" != 1 ]; then
        echo "spin $model: no error found in $mutant" >&2
        tail -5 "$dir/$mutant/report" >&2
        exit 1
    fi
done
states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/model/report")
echo "spin: $model: no error in $states states; an error in each of $# mutants" | tee "$dir/count"
