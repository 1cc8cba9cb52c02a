# SPDX-License-Identifier: MIT
#
# The suite `poison`: the library for tests under AddressSanitizer and Valgrind (port/posix/poison.h). Small programs of which each
# uses memory that is not its own, and what each tool must say of it; and good programs, of which none may say a word. About 15 s of
# processor time.
#
# A tool that is not there and cannot be had is named as skipped.

PZ := $(B)/check-poison
PZ_FLAGS := -std=gnu11 $(WARN) -g -O1 -Iinclude -Iport -Itests
PZ_GOOD := tests/poison/good.c tests/stress/stress.c port/posix/posix.c
PZ_HDR := include/freehold.h port/fail/fail.h tests/stress/stress.h $(POSIX_HDR) tests/poison/poison.mk

pz-gcc-asan = gcc -fsanitize=address
pz-clang-asan = $(CLANG) -fsanitize=address
pz-memcheck = $(CC)
# clang's sanitizers are a package of their own, which clang's only recommends.
PZ_RUNTIME := $(if $(filter x86_64,$(shell uname -m)),/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a:libclang-rt-14-dev)
PZ_TOOLS := gcc-asan clang-asan memcheck

# Whether a tool works is found out once: a compiler may be there without its sanitizer's library.
$(PZ)/tools: tests/poison/poison.mk | $(PZ)/installed
	@for t in gcc $(CLANG); do echo 'int main(void) { return 0; }' | $$t -fsanitize=address -x c - -o $(PZ)/try 2>/dev/null && $(PZ)/try && echo $$t; done >$@.new || true
	@command -v valgrind >>$@.new || true
	@mv $@.new $@

$(PZ)/installed:
	@mkdir -p $(@D)
	@sh tests/tools/need.sh gcc:gcc $(CLANG):clang $(PZ_RUNTIME) valgrind:valgrind '<valgrind/memcheck.h>:valgrind' || true
	@: >$@

# Compiled if the tool is there; if not, the program is an empty file that cannot be run.
define pz_rules
$$(PZ)/crimes-$(1): tests/poison/crimes.c $$(B)/libfreehold-poison.a $$(PZ_HDR) $$(PZ)/tools
	@$$(call pz_build,$(1),tests/poison/crimes.c)
$$(PZ)/good-$(1): $$(PZ_GOOD) $$(B)/libfreehold-poison.a $$(PZ_HDR) $$(PZ)/tools
	@$$(call pz_build,$(1),$$(PZ_GOOD))
endef
pz_word = $(if $(filter gcc-asan,$(1)),^gcc,$(if $(filter clang-asan,$(1)),^$(CLANG),valgrind))
pz_build = rm -f $@; if grep -q '$(pz_word)' $(PZ)/tools; then $(pz-$(1)) $(PZ_FLAGS) $(2) $(B)/libfreehold-poison.a -pthread -o $@; else : >$@; fi
$(foreach t,$(PZ_TOOLS),$(eval $(call pz_rules,$(t))))

$(PZ)/instrumented: tests/poison/crimes.c $(POISON_SRC) $(CORE_SRC) $(CORE_HDR) port/posix/poison.h $(PZ_HDR) $(PZ)/tools
	@rm -rf $@ $(PZ)/core && mkdir -p $(PZ)/core
	@if ! grep -q '^gcc' $(PZ)/tools; then : >$@; exit 0; fi; \
	for f in $(CORE_SRC); do gcc -fsanitize=address -O1 $(CORE_CFLAGS) -include port/posix/poison.h -c $$f -o $(PZ)/core/$$(basename $$f).o || exit 1; done; \
	gcc -fsanitize=address $(PZ_FLAGS) tests/poison/crimes.c $(POISON_SRC) $(PZ)/core/*.o -pthread -o $@

SUITES += poison
.PHONY: test-poison
test-poison: $(PZ_TOOLS:%=$(PZ)/crimes-%) $(PZ_TOOLS:%=$(PZ)/good-%) $(PZ)/instrumented $(B)/stress/digests  ## test that AddressSanitizer and Valgrind see what freehold's blocks are
	@mkdir -p $(B)/tally
	@sh tests/poison/run.sh $(PZ) $(SEED) $(B)/stress/digests >$(B)/tally/poison
