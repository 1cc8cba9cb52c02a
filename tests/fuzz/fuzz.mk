# SPDX-License-Identifier: MIT
#
# fuzz.mk - one harness, three ways to run it.
#
#   make fuzz         libFuzzer for FUZZ_SECONDS, from the corpus and from what earlier runs found; ends at the first failure
#   make fuzz-afl     the same under AFL++
#   make fuzz-merge   puts into the corpus what these found and it lacks, minimized
#   make fuzz-small   the first of these on the small core
#   make test-fuzz    replays the corpus, plainly compiled, on both cores
#
# Everything found lies in build/fuzz. A failing input is named; `build/fuzz/replay FILE` repeats it: an input does the same in
# every build and every process. Made part of the corpus, it is a test from then on.

FUZZ_SECONDS ?= 300
FUZZ_MAX_LENGTH ?= 4096

FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ_HARNESS := $(filter-out tests/fuzz/replay.c,$(FUZZ_SRC))
FUZZ_CORPUS := $(wildcard tests/fuzz/corpus/*)
FUZZ_DEPENDS := $(FUZZ_SRC) $(wildcard tests/fuzz/*.h) $(CORE_SRC) $(CORE_HDR) tests/fuzz/fuzz.mk
# The core as it is built for use; the harness is hosted.
FUZZ_FLAGS := $(subst -std=c11,-std=gnu11,$(CORE_CFLAGS)) $(WARN) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_SANITIZERS := address,undefined
FUZZ_ASAN := ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:symbolize=0
FUZZ_AFL := $(FUZZ_ASAN) AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_NO_COLOR=1

.PHONY: fuzz-tools fuzz-afl-tools
fuzz-tools:
	$(call need,clang-14:clang-14 /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a:libclang-rt-14-dev)

fuzz-afl-tools:
	$(call need,afl-fuzz:afl++ afl-clang-fast:afl++ clang-14:clang-14)

$(B)/fuzz/libfuzzer: $(FUZZ_DEPENDS) | fuzz-tools
	@mkdir -p $(@D)
	@clang-14 $(FUZZ_FLAGS) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) $(CORE_SRC) $(FUZZ_HARNESS) -o $@

$(B)/fuzz/afl: $(FUZZ_DEPENDS) | fuzz-afl-tools
	@mkdir -p $(@D)
	@AFL_QUIET=1 afl-clang-fast $(FUZZ_FLAGS) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) $(CORE_SRC) $(FUZZ_HARNESS) -o $@

$(B)/fuzz/replay: $(FUZZ_DEPENDS) | check-tools
	@mkdir -p $(@D)
	@$(GCC) $(FUZZ_FLAGS) -fsanitize=$(FUZZ_SANITIZERS) $(CORE_SRC) $(FUZZ_SRC) -o $@

# The same on the small core, with what the harness names and that core does not have.
FUZZ_SMALL_CORE := -DFUZZ_SMALL $(SMALL_SRC) tests/small/harness/absent.c

$(B)/fuzz/libfuzzer-small: $(FUZZ_DEPENDS) $(SMALL_SRC) $(SMALL_HDR) tests/small/harness/absent.c | fuzz-tools
	@mkdir -p $(@D)
	@clang-14 $(FUZZ_FLAGS) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) $(FUZZ_SMALL_CORE) $(FUZZ_HARNESS) -o $@

$(B)/fuzz/replay-small: $(FUZZ_DEPENDS) $(SMALL_SRC) $(SMALL_HDR) tests/small/harness/absent.c | check-tools
	@mkdir -p $(@D)
	@$(GCC) $(FUZZ_FLAGS) -fsanitize=$(FUZZ_SANITIZERS) $(FUZZ_SMALL_CORE) $(FUZZ_SRC) -o $@

# $(call fuzz_run,PROGRAM,FOUND): what is found goes to the folder FOUND.
fuzz_run = @mkdir -p $(B)/fuzz/$(2) && cd $(B)/fuzz && ./$(1) -max_total_time=$(FUZZ_SECONDS) -max_len=$(FUZZ_MAX_LENGTH) -timeout=20 \
    -artifact_prefix=failed- -print_final_stats=1 -verbosity=1 $(2) $(CURDIR)/tests/fuzz/corpus >$(2)-log 2>&1 \
    && sed -n 's/^Done \(.*\)/$@: \1, nothing found/p' $(2)-log || { grep -v '^\#' $(2)-log; exit 1; }

.PHONY: fuzz fuzz-small fuzz-afl fuzz-merge
fuzz: $(B)/fuzz/libfuzzer  ## fuzz with libFuzzer for FUZZ_SECONDS (300), address and undefined sanitizers on
	$(call fuzz_run,libfuzzer,found)

fuzz-small: $(B)/fuzz/libfuzzer-small  ## the same on the small core
	$(call fuzz_run,libfuzzer-small,found-small)

fuzz-afl: $(B)/fuzz/afl  ## the same with AFL++
	@rm -rf $(B)/fuzz/afl-out
	@$(FUZZ_AFL) afl-fuzz -V $(FUZZ_SECONDS) -G $(FUZZ_MAX_LENGTH) -m none -i tests/fuzz/corpus -o $(B)/fuzz/afl-out -- $< >$(B)/fuzz/afl-log 2>&1 \
	    || { tail -20 $(B)/fuzz/afl-log; exit 1; }
	@set -- $$(find $(B)/fuzz/afl-out \( -path '*/crashes/id*' -o -path '*/hangs/id*' \)); \
	[ $$# -eq 0 ] || { echo "fuzz-afl: these fail:"; printf '%s\n' "$$@"; exit 1; }
	@sed -n 's/^execs_done *: /fuzz-afl: runs /p' $(B)/fuzz/afl-out/default/fuzzer_stats

fuzz-merge: $(B)/fuzz/libfuzzer  ## put what the fuzzers found into the corpus
	@mkdir -p $(B)/fuzz/found $(B)/fuzz/afl-out/default/queue
	@$< -merge=1 -max_len=$(FUZZ_MAX_LENGTH) tests/fuzz/corpus $(B)/fuzz/found $(B)/fuzz/afl-out/default/queue >$(B)/fuzz/log 2>&1 \
	    || { tail -20 $(B)/fuzz/log; exit 1; }
	@echo "fuzz-merge: $$(ls tests/fuzz/corpus | wc -l) inputs"

SUITES += fuzz
.PHONY: test-fuzz
test-fuzz: $(B)/fuzz/replay $(B)/fuzz/replay-small  ## replay the fuzzers' corpus
	@mkdir -p $(B)/tally
	@sh tests/fuzz/replay.sh $(B)/fuzz/replay tests/fuzz/corpus >$(B)/tally/fuzz
	@sh tests/fuzz/replay.sh $(B)/fuzz/replay-small tests/fuzz/corpus | sed 's/ / small-/' >>$(B)/tally/fuzz
	@echo "fuzz: $$(grep -c '^pass' $(B)/tally/fuzz) inputs passed, $$(grep -c '^fail' $(B)/tally/fuzz) failed"
