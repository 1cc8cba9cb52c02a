# SPDX-License-Identifier: MIT
#
# The tests of the core: unit (one file a source file, and the random tests), misuse (one crime a file), bugs (one file a class of
# bug). All of them are one program, with the core built into it, and that program is built once for each way of building the
# core: two compilers, four levels of optimization, 64 and 32 bits, sanitizers, and the layout's switches.
#
# The 32-bit programs use no C library (see harness/host.h), so that any gcc or clang for x86-64 builds them as it is. They are i386 where
# the kernel runs that, and else x32, which launch runs in a 64-bit process: some kernels, and some virtual machines, have no 32-bit side.
# A test is known by BUILD/file/name; SEED=n repeats the random ones, ONLY=text runs those whose file or name contains it.

GCC ?= gcc

CHECK_FOLDERS += unit misuse bugs
CHECK_SRC := $(wildcard $(CHECK_FOLDERS:%=tests/%/*.c))
CHECK_HARNESS := tests/unit/harness/main.c tests/unit/harness/rig.c tests/unit/harness/steps.c \
    tests/misuse/trial/trial.c
CHECK_HDR := $(wildcard tests/unit/harness/*.h tests/misuse/*.h tests/bugs/*.h)
CHECK_FLAGS := $(CORE_CFLAGS) $(WARN) -g -Isrc -Itests/unit -I$(B)/check
# At the same addresses in each run: a word that is written over a tag opens as one once in 4096, and would do so in one run of many.
CHECK_64 := tests/unit/harness/host_posix.c -fno-pie -no-pie
CHECK_I386 := tests/unit/harness/host_i386.c -m32 -static -nostdlib -fno-pic -fno-stack-protector
CHECK_X32 := tests/unit/harness/host_x32.c -mx32 -static -nostdlib -fno-pic -fno-stack-protector

CHECK_32 = $(if $(filter i386,$(ABI_32)),$(CHECK_I386),$(CHECK_X32))
# $(call run_32,PROGRAM): what runs it.
run_32 = $(if $(filter 32-% %-32,$(1)),$(if $(filter x32,$(ABI_32)),$(CHECK_LAUNCH)))

# One line for each program: its name, and how it is compiled.
check-gcc-O0 = $(GCC) -O0 $(CHECK_64)
check-gcc-O2 = $(GCC) -O2 $(CHECK_64)
check-gcc-O3 = $(GCC) -O3 $(CHECK_64)
check-gcc-Os = $(GCC) -Os $(CHECK_64)
check-clang-O0 = $(CLANG) -O0 $(CHECK_64)
check-clang-O2 = $(CLANG) -O2 $(CHECK_64)
check-clang-O3 = $(CLANG) -O3 $(CHECK_64)
check-clang-Os = $(CLANG) -Os $(CHECK_64)
check-sanitized = $(GCC) -O1 -fsanitize=address,undefined -fno-sanitize-recover=all $(CHECK_64)
check-clang-undefined = $(CLANG) -O1 -fsanitize=undefined -fsanitize-trap=all $(CHECK_64)
check-debug = $(GCC) -O1 -DFH_DEBUG $(CHECK_64)
check-single-list = $(GCC) -O2 -DFH_SINGLE_LIST $(CHECK_64)
check-granule-8 = $(GCC) -O2 -DFH_GRANULE=8 $(CHECK_64)
check-steps = $(GCC) -O2 -DTEST_STEPS -fsanitize-coverage=trace-pc $(CHECK_64)
check-steps-single-list = $(GCC) -O2 -DTEST_STEPS -DFH_SINGLE_LIST -fsanitize-coverage=trace-pc $(CHECK_64)
CHECK_PROGRAMS := gcc-O0 gcc-O2 gcc-O3 gcc-Os clang-O0 clang-O2 clang-O3 clang-Os \
    sanitized clang-undefined debug single-list granule-8 steps steps-single-list

check-32-gcc-O0 = $(GCC) -O0 $(CHECK_32)
check-32-gcc-O2 = $(GCC) -O2 $(CHECK_32)
check-32-gcc-O3 = $(GCC) -O3 $(CHECK_32)
check-32-gcc-Os = $(GCC) -Os $(CHECK_32)
check-32-clang-O0 = $(CLANG) -O0 $(CHECK_32)
check-32-clang-O2 = $(CLANG) -O2 $(CHECK_32)
check-32-clang-O3 = $(CLANG) -O3 $(CHECK_32)
check-32-clang-Os = $(CLANG) -Os $(CHECK_32)
check-32-undefined = $(GCC) -O1 -fsanitize=undefined -fsanitize-undefined-trap-on-error $(CHECK_32)
check-32-debug = $(CLANG) -O1 -DFH_DEBUG $(CHECK_32)
check-32-single-list = $(GCC) -Os -DFH_SINGLE_LIST $(CHECK_32)
check-32-granule-16 = $(CLANG) -O2 -DFH_GRANULE=16 $(CHECK_32)
ifneq ($(ABI_32),)
CHECK_PROGRAMS += 32-gcc-O0 32-gcc-O2 32-gcc-O3 32-gcc-Os 32-clang-O0 32-clang-O2 32-clang-O3 32-clang-Os \
    32-undefined 32-debug 32-single-list 32-granule-16
CHECK_MISSING :=
else
CHECK_MISSING := skip 32-bit this machine runs neither i386 nor x32
endif

.PHONY: check-tools FORCE
FORCE:
check-tools:
	$(call need,$(GCC):gcc $(CLANG):clang timeout:coreutils)

# The names of the tables of tests, one for each file.
$(B)/check/tables.h: FORCE
	@mkdir -p $(@D)
	@printf 'TABLE(%s)\n' $(subst /,_,$(CHECK_SRC:tests/%.c=%)) >$@.new
	@cmp -s $@.new $@ || cp $@.new $@

# A program that does not build is a test that fails, not the end of make.
$(CHECK_PROGRAMS:%=$(B)/check/%/program): $(B)/check/%/program: $(CHECK_SRC) $(CHECK_HARNESS) $(CHECK_HDR) tests/unit/harness/host_posix.c tests/unit/harness/host_i386.c tests/unit/harness/host_x32.c \
    $(CORE_SRC) $(CORE_HDR) $(B)/check/tables.h tests/unit/unit.mk Makefile | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@$(check-$*) $(CHECK_FLAGS) $(CORE_SRC) $(CHECK_SRC) $(CHECK_HARNESS) -o $@ || true

# Bug class 15 wants memory at the end of the address space, which only launch has: its tests are programs by themselves beside those of i386.
$(B)/check/launch: tests/bugs/top/launch.c | check-tools
	@mkdir -p $(@D)
	@$(GCC) -std=c11 $(WARN) -O1 $< -o $@

check-top-gcc-O0 = $(GCC) -O0 $(CHECK_X32)
check-top-gcc-O2 = $(GCC) -O2 $(CHECK_X32)
check-top-clang-Os = $(CLANG) -Os $(CHECK_X32)
check-top-single-list = $(GCC) -O1 -DFH_SINGLE_LIST $(CHECK_X32)
check-top-granule-16 = $(CLANG) -O1 -DFH_GRANULE=16 $(CHECK_X32)
CHECK_TOP := top-gcc-O0 top-gcc-O2 top-clang-Os top-single-list top-granule-16

$(CHECK_TOP:%=$(B)/check/%/program): $(B)/check/%/program: tests/bugs/b15_top.c $(CHECK_HARNESS) $(CHECK_HDR) tests/unit/harness/host_x32.c \
    $(CORE_SRC) $(CORE_HDR) tests/unit/unit.mk Makefile | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@echo 'TABLE(bugs_b15_top)' >$(@D)/tables.h
	@$(check-$*) $(CHECK_FLAGS:-I$(B)/check=-I$(@D)) $(CORE_SRC) $(filter tests/bugs/%,$^) $(CHECK_HARNESS) -o $@ || true

$(CHECK_TOP:%=$(B)/check/%/bugs): $(B)/check/%/bugs: $(CHECK_LAUNCH) $(B)/check/%/program FORCE
	@SEED='$(SEED)' timeout 300 $(CHECK_LAUNCH) $(B)/check/$*/program $* bugs >$@ || echo "fail $*/ended-early" >>$@

ifeq ($(ABI_32),i386)
check-more-bugs := $(CHECK_TOP:%=$(B)/check/%/bugs)
endif

# $(call check_rule,FOLDER): the results of one folder in every program, and the suite that they make up.
define check_rule
$$(CHECK_PROGRAMS:%=$$(B)/check/%/$(1)): $$(B)/check/%/$(1): $$(B)/check/%/program FORCE | $$(CHECK_LAUNCH)
	@if [ -x $$< ]; then SEED='$$(SEED)' timeout 300 $$(call run_32,$$*) $$< $$* $(1) $$(ONLY) >$$@ || echo "fail $$*/ended-early" >>$$@; \
	else echo "fail $$*/does-not-build" >$$@; fi

SUITES += $(1)
.PHONY: test-$(1)
test-$(1): $$(CHECK_PROGRAMS:%=$$(B)/check/%/$(1)) $$(check-more-$(1))
	@mkdir -p $$(B)/tally
	@cat $$^ >$$(B)/tally/$(1)
	@[ -z "$$(CHECK_MISSING)" ] || echo "$$(CHECK_MISSING)" >>$$(B)/tally/$(1)
	@echo "$(1): $$$$(grep -c '^pass' $$(B)/tally/$(1)) passed, $$$$(grep -c '^fail' $$(B)/tally/$(1)) failed, in $$(words $$(CHECK_PROGRAMS)) programs$$(ABI_32:%=, 32 bits as %), SEED=$$(if $$(SEED),$$(SEED),0x46726565)"
endef
$(foreach folder,$(CHECK_FOLDERS),$(eval $(call check_rule,$(folder))))

# What `make help` shows of them.
test-unit:    ## test every part of the core, with random tests (SEED=n repeats, ONLY=text selects)
test-misuse:  ## test that each kind of misuse is reported exactly
test-bugs:    ## test the classes of bugs that other allocators had
