#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lists.sh MACHDEP DIR - proves with Frama-C's WP that insertion and removal keep the free lists whole; see lists/model.h for what
# that says, and lists/*.acsl for what is assumed. Everything goes to DIR; its last line, and the only one on the output, is the
# count. Fails unless each goal is proved.
. tests/prove/frama.sh

begin
cp $here/lists/model.h "$dir"
# Of bits.h, the contracts of the two functions that are called, as wp.sh proves them.
awk -v RS= -v ORS='\n\n' '/^contract fh_(rarely|shift_below_16)\n/' $here/bits.acsl >"$dir/bits.acsl"
annotate "$dir" bits
annotate $here/lists block freelist
provers

functions='fh_class_of fh_list_end fh_blame fh_blame_link fh_leads_back fh_list_insert fh_list_remove'
prove '' $here/lists/lists.c -wp-split -wp-fct "$(echo $functions | tr ' ' ',')"
conclude lists $functions
