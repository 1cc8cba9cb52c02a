# SPDX-License-Identifier: MIT
#
# Tests of the ports that need no machine of their own: frames, static, and the spinlock.

PORTS_CFLAGS := $(CORE_CFLAGS) $(WARN) -Iport -O2 -g -DSTRESS_SEED=$(SEED)

$(B)/ports/frames: tests/ports/frames.c tests/stress/stress.c port/frames/frames.c
$(B)/ports/static: tests/ports/static.c port/static/array.c port/static/linked.c
$(B)/ports/static-crossed: tests/ports/static.c port/static/array.c port/static/linked.c
$(B)/ports/static-crossed: PORTS_FLAGS := -DSYMBOLS_CROSSED
$(B)/ports/spinlock: tests/ports/spinlock.c
$(B)/ports/spinlock: PORTS_FLAGS := -D_DEFAULT_SOURCE -pthread

PORTS_TESTS := frames static static-crossed spinlock
$(PORTS_TESTS:%=$(B)/ports/%): $(CORE_SRC) $(KERNEL_HDR) tests/ports/check.h tests/ports/ports.mk $(B)/qemu/seed
	@mkdir -p $(@D)
	@$(CC) $(PORTS_CFLAGS) $(PORTS_FLAGS) $(filter %.c,$^) -o $@

SUITES += ports
.PHONY: test-ports
test-ports: $(PORTS_TESTS:%=$(B)/ports/%)
	@mkdir -p $(B)/tally
	@for t in $(PORTS_TESTS); do \
	    timeout 60 $(B)/ports/$$t >$(B)/ports/$$t.out || echo "fail ended with status $$?" >>$(B)/ports/$$t.out; \
	    sed "s/ / $$t: /" $(B)/ports/$$t.out; \
	done >$(B)/tally/ports
