# SPDX-License-Identifier: MIT
#
# The library for tests under AddressSanitizer and Valgrind; see poison.h. With fh_fail_after (port/fail) in it, and the lock that it
# needs. It bears the granule and the layout of CFLAGS, like libfreehold.a.
#
#   POISON_SRC   what stands before the core in it

POISON_SRC := port/posix/poison.c port/posix/lock.c port/fail/fail.c
POISON_OBJ := $(CORE_SRC:src/%.c=$(B)/poison/core/%.o) $(POISON_SRC:port/%.c=$(B)/poison/%.o)

# Whatever CFLAGS says: see poison.h.
POISON_PLAIN := -fno-sanitize=all

$(B)/poison/core/%.o: src/%.c $(CORE_HDR) port/posix/poison.h port/posix/poison.mk
	@mkdir -p $(@D)
	$(CC) $(CORE_CFLAGS) -include port/posix/poison.h $(CFLAGS) $(POISON_PLAIN) -c $< -o $@

# Valgrind is told only if its header is there now.
.PHONY: poison-tools
poison-tools:
	@sh tests/tools/need.sh '<valgrind/memcheck.h>:valgrind' || echo "poison: without Valgrind" >&2

$(B)/poison/%.o: port/%.c include/freehold.h $(POSIX_HDR) port/fail/fail.h port/posix/poison.mk | poison-tools
	@mkdir -p $(@D)
	$(CC) -std=c11 -Iinclude $(CFLAGS) $(POISON_PLAIN) -c $< -o $@

$(B)/libfreehold-poison.a: $(POISON_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(POISON_OBJ)

.PHONY: poison
poison: $(B)/libfreehold-poison.a  ## build build/libfreehold-poison.a, the library for tests under AddressSanitizer and Valgrind
