# SPDX-License-Identifier: MIT
#
# Out of memory, and the sweep of the interface with bad input: tables of tests for the programs that unit.mk builds, so that they
# run in every build of the core that it knows. About 0.2 s for each program.
#
# And fh_fail_after (port/fail) on a program of its own, because the linker is told to wrap the allocating calls: each of its
# allocations is refused in turn. Linked by both linkers, with the core at its smallest and its fastest.

CHECK_FOLDERS += oom
test-oom:     ## test what happens when memory runs out, and every call with every bad argument

FAIL_WRAP := -Wl,--wrap=fh_malloc,--wrap=fh_calloc,--wrap=fh_realloc,--wrap=fh_aligned_alloc,--wrap=fh_resize
FAIL_SRC := port/fail/fail.c port/fail/wrap.c tests/oom/program/words.c tests/oom/program/main.c
fail-gcc-ld = gcc -O2
fail-gcc-ld-Os-single-list = gcc -Os -DFH_SINGLE_LIST
fail-clang-lld = $(CLANG) -O2 -fuse-ld=lld
FAIL_PROGRAMS := gcc-ld gcc-ld-Os-single-list clang-lld

.PHONY: fail-tools test-fail-after
fail-tools:
	$(call need,gcc:gcc $(CLANG):clang ld.lld:lld)

$(FAIL_PROGRAMS:%=$(B)/oom/%): $(B)/oom/%: $(FAIL_SRC) port/fail/fail.h tests/oom/program/words.h $(CORE_SRC) $(CORE_HDR) tests/oom/oom.mk | fail-tools
	@mkdir -p $(@D)
	@$(fail-$*) -std=c11 -g $(WARN) -Wno-reserved-identifier -fno-strict-aliasing -Iinclude -Iport $(FAIL_WRAP) $(FAIL_SRC) $(CORE_SRC) -o $@

SUITES += fail-after
test-fail-after: $(FAIL_PROGRAMS:%=$(B)/oom/%)  ## refuse each allocation of a program in turn, with fh_fail_after
	@mkdir -p $(B)/tally
	@for p in $(FAIL_PROGRAMS); do timeout 60 $(B)/oom/$$p $$p || echo "fail $$p/ended-with-a-failure"; done >$(B)/tally/fail-after
