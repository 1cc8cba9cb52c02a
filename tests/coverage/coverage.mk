# SPDX-License-Identifier: MIT
#
# coverage.mk - which lines and branches of the core the hosted tests reach: units, misuse, classes of bugs, and the fuzzers'
# corpus, all counted together.
#
# The compiler counts in the source, at -O0. Each test runs in a process of its own that ends by _exit or by a trap, so the counters
# lie in a file that all of them share (%c). A figure below COVERAGE_LINES or COVERAGE_BRANCHES fails: these are what was reached
# last, to be raised with it; the aim is 100.

COVERAGE_LINES ?= 95.5
COVERAGE_BRANCHES ?= 87

COVERAGE := $(B)/coverage
COVERAGE_CC := clang-14 -O0 -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation

.PHONY: coverage coverage-tools
coverage-tools:
	$(call need,clang-14:clang-14 llvm-cov-14:llvm-14 llvm-profdata-14:llvm-14 \
	    /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.profile-x86_64.a:libclang-rt-14-dev)

$(COVERAGE)/program: $(CHECK_SRC) $(CHECK_HARNESS) $(CHECK_HDR) $(CORE_SRC) $(CORE_HDR) $(B)/check/tables.h tests/coverage/coverage.mk | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(CHECK_64) $(CHECK_FLAGS) $(CORE_SRC) $(CHECK_SRC) $(CHECK_HARNESS) -o $@

$(COVERAGE)/replay: $(FUZZ_DEPENDS) tests/coverage/coverage.mk | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(filter-out -O1,$(FUZZ_FLAGS)) -fsanitize=address $(CORE_SRC) $(FUZZ_SRC) -o $@

coverage: $(COVERAGE)/program $(COVERAGE)/replay  ## lines and branches of src/ that the hosted tests reach; below the stated figure it fails
	@rm -f $(COVERAGE)/*.profraw $(COVERAGE)/*.log
	@for folder in $(CHECK_FOLDERS); do LLVM_PROFILE_FILE=$(COVERAGE)/$$folder-%c.profraw $(COVERAGE)/program coverage $$folder >$(COVERAGE)/$$folder.log 2>&1 \
	    || echo "fail $$folder/ended-early" >>$(COVERAGE)/$$folder.log; done
	@LLVM_PROFILE_FILE=$(COVERAGE)/fuzz-%c.profraw $(COVERAGE)/replay $(FUZZ_CORPUS) >$(COVERAGE)/fuzz.log 2>&1 || echo "fail fuzz/replay" >>$(COVERAGE)/fuzz.log
	@! grep -h '^fail' $(COVERAGE)/*.log
	@llvm-profdata-14 merge -sparse $(COVERAGE)/*.profraw -o $(COVERAGE)/all.profdata
	@llvm-cov-14 report $(COVERAGE)/program -object $(COVERAGE)/replay -instr-profile=$(COVERAGE)/all.profdata $(CORE_SRC) $(wildcard src/*.h) >$(COVERAGE)/report.txt 2>$(COVERAGE)/llvm.txt
	@llvm-cov-14 show $(COVERAGE)/program -object $(COVERAGE)/replay -instr-profile=$(COVERAGE)/all.profdata -show-branches=count $(CORE_SRC) $(wildcard src/*.h) \
	    >$(COVERAGE)/lines.txt 2>>$(COVERAGE)/llvm.txt
	@sh tests/coverage/judge.sh $(COVERAGE)/report.txt $(COVERAGE_LINES) $(COVERAGE_BRANCHES)
