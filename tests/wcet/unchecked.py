# SPDX-License-Identifier: MIT
#
# unchecked.py SRC OUT - copies the core, and takes out of the small one what makes it safe: the reports, the checks of every word that it
# follows, the seals of the tags, the look at the pointer that is freed and the peak, the words that are cleared behind a block, what is
# deferred, the seal of the heap. For measurements of what all that costs, and for nothing else.
#
# Promise: each change has been made as often as is said here, or it fails; a variant that silently is the original would measure nothing.
import os
import re
import shutil
import sys

BODY = r"\n\{\n.*?\n\}\n"
CHANGES = [
    ("small/heap.c", 1, r"(FH_COLD void fh_blame\([^\n]*\))" + BODY, r"\1\n{\n    (void)h, (void)link, (void)kind;\n    fh_trap();\n}\n"),
    ("small/heap.c", 9, r"if \(fh_rarely\((?!h->deferred|b == NULL)[^\n]*\)\)\n +return (refuse|no_block)\(", r"if (0)\n return \1("),
    ("small/heap.c", 1, r"(FH_VERB uint32_t open_used\([^\n]*\))" + BODY, r"\1\n{\n    return open_tag(h, fh_link_of(h, ptr));\n}\n"),
    ("small/heap.c", 1, r"(FH_VERB void enter\([^\n]*\))" + BODY,
     r"\1\n{\n    h->ptr = ptr;\n    h->state = h->port->lock != NULL ? h->port->lock(h->port->ctx) : 0;\n}\n"),
    ("small/heap.c", 1, r"    b->next = 0;\n    b->prev = 0;\n", ""),
    ("small/heap.c", 1, r"seal_tag\(h, behind, k != 0 \? FH_DEAD : ([^;]*)\);\n    if \(m != 0\)\n        seal_tag\(h, link, FH_DEAD\);",
     r"if (k == 0)\n        seal_tag(h, behind, \1);"),
    ("block.h", 1, r"(static inline uint32_t fh_tag_open\([^\n]*\))" + BODY, r"\1\n{\n    (void)secret;\n    return fh_load(fh_tag_of(b));\n}\n"),
    ("block.h", 1, r"(static inline void fh_tag_seal\([^\n]*\))" + BODY, r"\1\n{\n    (void)secret;\n    fh_store(fh_tag_of(b), tag);\n}\n"),
]

source, out = sys.argv[1:]
shutil.rmtree(out, ignore_errors=True)
shutil.copytree(source, out)
for name, times, old, new in CHANGES:
    path = os.path.join(out, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text, made = re.subn(old, new, text, flags=re.DOTALL)
    if made != times:
        shutil.rmtree(out)
        sys.exit(f"unchecked.py: {name}: {made} places for what had {times}; this script must follow the core: {old}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
