# SPDX-License-Identifier: MIT
#
# The tests of the small core (src/small): its own, and those of the other core that use nothing but the public interface. What the small
# core does not have says so (rig_large_only). One program for each way of building the core, as in tests/unit/unit.mk.
#
# To save time, tests are compiled once for what they see of the core, and linked with every core of that kind: those that know the public
# interface for each width and granule, this folder's own, which read its structures, also for each layout, and for a core with
# a map of its rings and one without, as where size counts.

SMALL_FOLDERS := misuse bugs oom unit small
SMALL_PUBLIC := $(filter-out tests/bugs/b19_checker.c tests/bugs/b30_work.c,$(wildcard tests/misuse/*.c tests/bugs/*.c tests/oom/*.c)) \
    tests/unit/arguments.c tests/unit/heap.c tests/unit/names.c tests/unit/random.c
SMALL_OWN := $(wildcard tests/small/*.c)
SMALL_HARNESS := tests/unit/harness/main.c tests/unit/harness/rig.c tests/unit/harness/steps.c tests/misuse/trial/trial.c \
    tests/small/harness/absent.c
# The folders' headers; unit.mk, whose variables name them, is read later.
SMALL_CHECK_HDR := $(wildcard tests/unit/harness/*.h tests/misuse/*.h tests/small/*.h)
SMALL_FLAGS = $(CORE_CFLAGS) $(WARN) -g -Isrc -Itests/unit -I$(B)/small -DTEST_SMALL

# One line for each kind of tests, and one for each program: its kinds, and how its core is compiled.
small-tests-public-64 = $(GCC) -O1 -fno-pie
small-tests-public-64-8 = $(GCC) -O1 -fno-pie -DFH_GRANULE=8
small-tests-public-32 = $(GCC) -O1 $(filter -%,$(CHECK_32:-static=))
small-tests-own-64 = $(small-tests-public-64)
small-tests-own-64-Os = $(GCC) -Os -fno-pie
small-tests-own-64-single = $(small-tests-public-64) -DFH_SINGLE_LIST
small-tests-own-64-8 = $(small-tests-public-64-8)
small-tests-own-32 = $(small-tests-public-32)
small-tests-own-32-Os = $(GCC) -Os $(filter -%,$(CHECK_32:-static=))
small-tests-own-32-single = $(small-tests-public-32) -DFH_SINGLE_LIST
SMALL_KINDS := public-64 public-64-8 own-64 own-64-Os own-64-single own-64-8

small-gcc-O0 = 64 64 $(GCC) -O0 $(CHECK_64)
small-gcc-O2 = 64 64 $(GCC) -O2 $(CHECK_64)
small-gcc-Os = 64 64-Os $(GCC) -Os $(CHECK_64)
small-clang-O2 = 64 64 $(CLANG) -O2 $(CHECK_64)
small-clang-O3 = 64 64 $(CLANG) -O3 $(CHECK_64)
small-clang-Os = 64 64-Os $(CLANG) -Os $(CHECK_64)
small-sanitized = 64 64 $(GCC) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all $(CHECK_64)
small-debug = 64 64 $(GCC) -O1 -DFH_DEBUG $(CHECK_64)
small-single-list = 64 64-single $(GCC) -O2 -DFH_SINGLE_LIST $(CHECK_64)
small-granule-8 = 64-8 64-8 $(GCC) -O2 -DFH_GRANULE=8 $(CHECK_64)
SMALL_PROGRAMS := gcc-O0 gcc-O2 gcc-Os clang-O2 clang-O3 clang-Os sanitized debug single-list granule-8

small-32-gcc-O0 = 32 32 $(GCC) -O0 $(CHECK_32)
small-32-gcc-O2 = 32 32 $(GCC) -O2 $(CHECK_32)
small-32-gcc-Os = 32 32-Os $(GCC) -Os $(CHECK_32)
small-32-clang-O2 = 32 32 $(CLANG) -O2 $(CHECK_32)
small-32-clang-Os = 32 32-Os $(CLANG) -Os $(CHECK_32)
small-32-single-list = 32 32-single $(GCC) -Os -DFH_SINGLE_LIST $(CHECK_32)
SMALL_32 := 32-gcc-O0 32-gcc-O2 32-gcc-Os 32-clang-O2 32-clang-Os 32-single-list
ifneq ($(ABI_32),)
SMALL_PROGRAMS += $(SMALL_32)
SMALL_KINDS += public-32 own-32 own-32-Os own-32-single
endif

$(B)/small/tables.h: FORCE
	@mkdir -p $(@D)
	@printf 'TABLE(%s)\n' $(subst /,_,$(patsubst tests/%.c,%,$(SMALL_PUBLIC) $(SMALL_OWN))) >$@.new
	@cmp -s $@.new $@ || cp $@.new $@

# What does not compile leaves nothing, and its programs are tests that fail.
small-sources-public := $(SMALL_PUBLIC)
small-sources-own := $(SMALL_OWN)
$(SMALL_KINDS:%=$(B)/small/%.o): $(B)/small/%.o: $(SMALL_PUBLIC) $(SMALL_OWN) $(SMALL_CHECK_HDR) $(SMALL_HDR) tests/small/small.mk tests/unit/unit.mk Makefile | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@$(small-tests-$*) $(SMALL_FLAGS) -r -nostdlib $(small-sources-$(firstword $(subst -, ,$*))) -o $@ || true

small_objects = $(B)/small/public-$(word 1,$(small-$(1))).o $(B)/small/own-$(word 2,$(small-$(1))).o
$(foreach p,$(SMALL_PROGRAMS),$(eval $(B)/small/$(p)/program: $(call small_objects,$(p))))

$(SMALL_PROGRAMS:%=$(B)/small/%/program): $(B)/small/%/program: $(SMALL_HARNESS) $(SMALL_CHECK_HDR) \
    tests/unit/harness/host_posix.c tests/unit/harness/host_i386.c tests/unit/harness/host_x32.c $(SMALL_SRC) $(SMALL_HDR) $(B)/small/tables.h tests/small/small.mk | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@$(wordlist 3,99,$(small-$*)) $(SMALL_FLAGS) $(SMALL_SRC) $(SMALL_HARNESS) $(call small_objects,$*) -o $@ || true

$(SMALL_PROGRAMS:%=$(B)/small/%/results): $(B)/small/%/results: $(B)/small/%/program FORCE | $(CHECK_LAUNCH)
	@if [ -x $< ]; then for folder in $(SMALL_FOLDERS); do \
	SEED='$(SEED)' timeout 300 $(call run_32,$*) $< $* $$folder $(ONLY) || echo "fail $*/ended-early"; done >$@; \
	else echo "fail $*/does-not-build" >$@; fi

# Memory at the end of the address space, as in unit.mk.
small-top-gcc-O2 = $(GCC) -O2 $(CHECK_X32)
small-top-clang-Os = $(CLANG) -Os $(CHECK_X32)
small-top-single-list = $(GCC) -O1 -DFH_SINGLE_LIST $(CHECK_X32)
SMALL_TOP := top-gcc-O2 top-clang-Os top-single-list

$(SMALL_TOP:%=$(B)/small/%/program): $(B)/small/%/program: tests/bugs/b15_top.c tests/small/end_of_space.c $(SMALL_HARNESS) $(SMALL_CHECK_HDR) \
    tests/unit/harness/host_x32.c $(SMALL_SRC) $(SMALL_HDR) tests/small/small.mk | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@echo 'TABLE(bugs_b15_top) TABLE(small_end_of_space)' >$(@D)/tables.h
	@$(small-$*) $(SMALL_FLAGS:-I$(B)/small=-I$(@D)) $(SMALL_SRC) tests/bugs/b15_top.c tests/small/end_of_space.c $(SMALL_HARNESS) -o $@ || true

$(SMALL_TOP:%=$(B)/small/%/results): $(B)/small/%/results: $(CHECK_LAUNCH) $(B)/small/%/program FORCE
	@for folder in bugs small; do \
	SEED='$(SEED)' timeout 300 $< $(B)/small/$*/program $* $$folder || echo "fail $*/ended-early"; done >$@

ifeq ($(ABI_32),i386)
small-more := $(SMALL_TOP:%=$(B)/small/%/results)
endif

SUITES += small
.PHONY: test-small
test-small: $(SMALL_PROGRAMS:%=$(B)/small/%/results) $(small-more)  ## test the small core (SEED=n, ONLY=text as in test-unit)
	@mkdir -p $(B)/tally
	@cat $^ >$(B)/tally/small
	@[ -z "$(CHECK_MISSING)" ] || echo "$(CHECK_MISSING)" >>$(B)/tally/small
	@echo "small: $$(grep -c '^pass' $(B)/tally/small) passed, $$(grep -c '^fail' $(B)/tally/small) failed, in $(words $(SMALL_PROGRAMS)) programs, SEED=$(if $(SEED),$(SEED),0x46726565)"
