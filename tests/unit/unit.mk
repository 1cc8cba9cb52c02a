# SPDX-License-Identifier: MIT
#
# The tests of the core: unit (one file a source file, and the random tests), misuse (one crime a file), bugs (one file a class of
# bug). All of them are one program, with the core built into it, and that program is built once for each way of building the
# core: two compilers, four levels of optimization, 64 and 32 bits, sanitizers, and the layout's switches.
#
# The 32-bit programs use no C library (see harness/host.h), so that any gcc or clang for x86-64 builds them as it is.
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
CHECK_32 := tests/unit/harness/host_i386.c -m32 -static -nostdlib -fno-pic -fno-stack-protector

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

check-i386-gcc-O0 = $(GCC) -O0 $(CHECK_32)
check-i386-gcc-O2 = $(GCC) -O2 $(CHECK_32)
check-i386-gcc-O3 = $(GCC) -O3 $(CHECK_32)
check-i386-gcc-Os = $(GCC) -Os $(CHECK_32)
check-i386-clang-O0 = $(CLANG) -O0 $(CHECK_32)
check-i386-clang-O2 = $(CLANG) -O2 $(CHECK_32)
check-i386-clang-O3 = $(CLANG) -O3 $(CHECK_32)
check-i386-clang-Os = $(CLANG) -Os $(CHECK_32)
check-i386-undefined = $(GCC) -O1 -fsanitize=undefined -fsanitize-undefined-trap-on-error $(CHECK_32)
check-i386-debug = $(CLANG) -O1 -DFH_DEBUG $(CHECK_32)
check-i386-single-list = $(GCC) -Os -DFH_SINGLE_LIST $(CHECK_32)
check-i386-granule-16 = $(CLANG) -O2 -DFH_GRANULE=16 $(CHECK_32)
ifeq ($(shell uname -sm),Linux x86_64)
CHECK_PROGRAMS += i386-gcc-O0 i386-gcc-O2 i386-gcc-O3 i386-gcc-Os i386-clang-O0 i386-clang-O2 i386-clang-O3 i386-clang-Os \
    i386-undefined i386-debug i386-single-list i386-granule-16
CHECK_MISSING :=
# Bug class 15 wants memory at the end of the address space: see tests/bugs/top/launch.c.
CHECK_TOP := $(B)/check/top
else
CHECK_MISSING := skip i386 this machine does not run 32-bit x86 programs
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
$(CHECK_PROGRAMS:%=$(B)/check/%/program): $(B)/check/%/program: $(CHECK_SRC) $(CHECK_HARNESS) $(CHECK_HDR) tests/unit/harness/host_posix.c tests/unit/harness/host_i386.c \
    $(CORE_SRC) $(CORE_HDR) $(B)/check/tables.h tests/unit/unit.mk Makefile | check-tools
	@mkdir -p $(@D)
	@rm -f $@
	@$(check-$*) $(CHECK_FLAGS) $(CORE_SRC) $(CHECK_SRC) $(CHECK_HARNESS) -o $@ || true

CHECK_32_PROGRAMS := $(filter i386-%,$(CHECK_PROGRAMS))

$(B)/check/launch: tests/bugs/top/launch.c | check-tools
	@mkdir -p $(@D)
	@$(GCC) -std=c11 $(WARN) -O1 $< -o $@

$(CHECK_TOP): $(B)/check/launch $(CHECK_32_PROGRAMS:%=$(B)/check/%/program) FORCE
	@for p in $(CHECK_32_PROGRAMS); do \
	SEED='$(SEED)' timeout 300 $< $(B)/check/$$p/program $$p-top bugs b15 || echo "fail $$p-top/ended-early"; done >$@

check-more-bugs := $(CHECK_TOP)

# $(call check_rule,FOLDER): the results of one folder in every program, and the suite that they make up.
define check_rule
$$(CHECK_PROGRAMS:%=$$(B)/check/%/$(1)): $$(B)/check/%/$(1): $$(B)/check/%/program FORCE
	@if [ -x $$< ]; then SEED='$$(SEED)' timeout 300 $$< $$* $(1) $$(ONLY) >$$@ || echo "fail $$*/ended-early" >>$$@; \
	else echo "fail $$*/does-not-build" >$$@; fi

SUITES += $(1)
.PHONY: test-$(1)
test-$(1): $$(CHECK_PROGRAMS:%=$$(B)/check/%/$(1)) $$(check-more-$(1))
	@mkdir -p $$(B)/tally
	@cat $$^ >$$(B)/tally/$(1)
	@[ -z "$$(CHECK_MISSING)" ] || echo "$$(CHECK_MISSING)" >>$$(B)/tally/$(1)
	@echo "$(1): $$$$(grep -c '^pass' $$(B)/tally/$(1)) passed, $$$$(grep -c '^fail' $$(B)/tally/$(1)) failed, in $$(words $$(CHECK_PROGRAMS)) programs, SEED=$$(if $$(SEED),$$(SEED),0x46726565)"
endef
$(foreach folder,$(CHECK_FOLDERS),$(eval $(call check_rule,$(folder))))

# What `make help` shows of them.
test-unit:    ## test every part of the core, with random tests (SEED=n repeats, ONLY=text selects)
test-misuse:  ## test that each kind of misuse is reported exactly
test-bugs:    ## test the classes of bugs that other allocators had
