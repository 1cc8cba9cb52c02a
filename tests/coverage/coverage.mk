# SPDX-License-Identifier: MIT
#
# coverage.mk - which lines, branches and conditions of the core the hosted tests reach: units, misuse, classes of bugs, and the
# fuzzers' corpus, all counted together.
#
# The compiler counts in the source, at -O0. Each test runs in a process of its own that ends by _exit or by a trap; dump.c writes the
# counters then, into a file in which the run-time adds up what all of them write (%1m). (Counters in a file that all
# processes share would do without, but not for MC/DC: "presently not supported".)
#
# A figure below COVERAGE_LINES, COVERAGE_BRANCHES or COVERAGE_MCDC fails: these are what was reached last, to be raised with it; the aim is 100.
# What cannot be reached is argued where it stands, in a comment that judge.awk counts.

COVERAGE_LINES ?= 98.3
COVERAGE_BRANCHES ?= 95.3
COVERAGE_MCDC ?= 87.2

COVERAGE := $(B)/coverage
COVERAGE_CC := clang-19 -O0 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc
COVERAGE_RT := /usr/lib/llvm-19/lib/clang/19/lib/linux

.PHONY: coverage coverage-tools
coverage-tools:
	$(call need,clang-19:clang-19 llvm-cov-19:llvm-19 llvm-profdata-19:llvm-19 \
	    $(COVERAGE_RT)/libclang_rt.profile-x86_64.a:libclang-rt-19-dev)

$(COVERAGE)/program: $(CHECK_SRC) $(CHECK_HARNESS) $(CHECK_HDR) $(CORE_SRC) $(CORE_HDR) $(B)/check/tables.h tests/coverage/coverage.mk tests/coverage/dump.c | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(CHECK_64) $(CHECK_FLAGS) $(CORE_SRC) $(CHECK_SRC) $(CHECK_HARNESS) tests/coverage/dump.c -Wl,--wrap=_exit -o $@

$(COVERAGE)/replay: $(FUZZ_DEPENDS) tests/coverage/coverage.mk | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(filter-out -O1,$(FUZZ_FLAGS)) -fsanitize=address $(CORE_SRC) $(FUZZ_SRC) -o $@

coverage: $(COVERAGE)/program $(COVERAGE)/replay  ## lines, branches and MC/DC of src/ that the hosted tests reach; below the stated figures it fails
	@rm -f $(COVERAGE)/*.profraw $(COVERAGE)/*.log
	@for folder in $(CHECK_FOLDERS); do LLVM_PROFILE_FILE=$(COVERAGE)/$$folder-%1m.profraw $(COVERAGE)/program coverage $$folder >$(COVERAGE)/$$folder.log 2>&1 \
	    || echo "fail $$folder/ended-early" >>$(COVERAGE)/$$folder.log; done
	@LLVM_PROFILE_FILE=$(COVERAGE)/fuzz-%1m.profraw $(COVERAGE)/replay $(FUZZ_CORPUS) >$(COVERAGE)/fuzz.log 2>&1 || echo "fail fuzz/replay" >>$(COVERAGE)/fuzz.log
	@! grep -h '^fail' $(COVERAGE)/*.log
	@llvm-profdata-19 merge -sparse $(COVERAGE)/*.profraw -o $(COVERAGE)/all.profdata
	@llvm-cov-19 show $(COVERAGE)/program -object $(COVERAGE)/replay -instr-profile=$(COVERAGE)/all.profdata -show-branches=count -show-mcdc -show-instantiations=false \
	    $(CORE_SRC) $(wildcard src/*.h) >$(COVERAGE)/lines.txt 2>$(COVERAGE)/llvm.txt
	@awk -v least_lines=$(COVERAGE_LINES) -v least_branches=$(COVERAGE_BRANCHES) -v least_mcdc=$(COVERAGE_MCDC) -v missing=$(COVERAGE)/missing.txt \
	    -f tests/coverage/judge.awk $(COVERAGE)/lines.txt
