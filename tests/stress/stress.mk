# SPDX-License-Identifier: MIT
#
# The stress workload hosted: with both granules, and with 32-bit addresses. Its digests are what the kernel images must
# end in too. SEED=n for another seed.

STRESS_SRC := tests/stress/stress.c tests/stress/hosted.c $(CORE_SRC)
STRESS_CFLAGS := $(CORE_CFLAGS) $(WARN) -O2 -g

$(B)/stress/hosted-16: STRESS_FLAGS := -DFH_GRANULE=16
$(B)/stress/hosted-8: STRESS_FLAGS := -DFH_GRANULE=8
$(B)/stress/single-16: STRESS_FLAGS := -DFH_GRANULE=16 -DFH_SINGLE_LIST
$(B)/stress/single-8: STRESS_FLAGS := -DFH_GRANULE=8 -DFH_SINGLE_LIST
$(B)/stress/hosted-16 $(B)/stress/hosted-8 $(B)/stress/single-16 $(B)/stress/single-8: $(STRESS_SRC) $(CORE_HDR) tests/stress/stress.h tests/stress/stress.mk
	@mkdir -p $(@D)
	@$(CC) $(STRESS_CFLAGS) $(STRESS_FLAGS) $(STRESS_SRC) -o $@

# The small core, whose heaps have room for the plans brief and small.
$(B)/stress/small-16: STRESS_FLAGS := -DFH_GRANULE=16
$(B)/stress/small-8: STRESS_FLAGS := -DFH_GRANULE=8
$(B)/stress/small-16 $(B)/stress/small-8: tests/stress/stress.c tests/stress/hosted.c $(SMALL_SRC) $(SMALL_HDR) tests/stress/stress.h tests/stress/stress.mk
	@mkdir -p $(@D)
	@$(CC) $(STRESS_CFLAGS) $(STRESS_FLAGS) -DSTRESS_SMALL_CORE $(filter %.c,$^) -o $@

$(B)/stress/digests: $(B)/stress/hosted-16 $(B)/stress/hosted-8 $(B)/qemu/seed
	@$(B)/stress/hosted-16 $(SEED) >$@.new && $(B)/stress/hosted-8 $(SEED) >>$@.new && mv $@.new $@

# 32 bits: a machine without such a compiler or kernel has the kernel images instead.
$(B)/stress/bare-8: tests/stress/bare_i386.c tests/stress/stress.c qemu/text.c qemu/mem.c $(CORE_SRC) $(KERNEL_HDR) $(B)/qemu/seed
	@mkdir -p $(@D)
	@$(CC) -m32 $(STRESS_CFLAGS) -DSTRESS_SEED=$(SEED) -fno-pie -fno-stack-protector -nostdlib -static -no-pie -Wl,--build-id=none \
	    $(filter %.c,$^) -o $@ 2>$@.err || { : >$@; true; }

# A verdict on a program's output: the same lines as the digests of that granule. The single-list build decides nothing
# differently, so its digests are the same too. $(4): of these plans only.
stress_same = if [ "$$($(1))" = "$$(grep -e "$(4)-$(2) " $(B)/stress/digests)" ]; then echo "pass $(3)"; else echo "fail $(3)"; fi

# So many more seeds are tried, beside those that everybody compares.
STRESS_ROUNDS ?= 20

SUITES += stress
.PHONY: test-stress
test-stress: $(B)/stress/digests $(B)/stress/bare-8 $(B)/stress/single-16 $(B)/stress/single-8 $(B)/stress/small-16 $(B)/stress/small-8
	@mkdir -p $(B)/tally
	@{ for g in 16 8; do \
	    if $(B)/stress/hosted-$$g $$(($(SEED) + 1)) $(STRESS_ROUNDS) >/dev/null; then echo "pass seeds-$$g"; else echo "fail seeds-$$g"; fi; \
	done; \
	for g in 16 8; do \
	    $(call stress_same,$(B)/stress/single-$$g $(SEED),$$g,single-list-$$g); \
	    $(call stress_same,$(B)/stress/small-$$g $(SEED),$$g,small-core-$$g,\(brief\|small\)); \
	    if $(B)/stress/small-$$g $$(($(SEED) + 1)) $(STRESS_ROUNDS) >/dev/null; then echo "pass small-core-seeds-$$g"; \
	    else echo "fail small-core-seeds-$$g"; fi; \
	done; \
	if ! [ -s $(B)/stress/bare-8 ]; then echo "skip bare-i386 no compiler for -m32"; \
	elif [ "$(ABI_32)" != i386 ]; then echo "skip bare-i386 this machine does not run i386"; \
	else $(call stress_same,$(B)/stress/bare-8,8,bare-i386); fi; } >$(B)/tally/stress
