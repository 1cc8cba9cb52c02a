# SPDX-License-Identifier: MIT
#
# coverage.mk - which lines, branches and conditions of the core the hosted tests reach: units, misuse, classes of bugs, and the
# fuzzers' corpus, all counted together, in each build of the core that compiles other code: both granules, the single list, and the
# hardened one with and without its quarantine; and the small core. What one build reached is reached; a pair of MC/DC must be complete in one of them.
#
# The compiler counts in the source, at -O0. Each test runs in a process of its own that ends by _exit or by a trap; dump.c writes the
# counters then, into a file in which the run-time adds up what all of them write (%1m). (Counters in a file that all
# processes share would do without, but not for MC/DC: "presently not supported".) Each build is reported alone, and judge.awk puts the
# reports together: given two programs, llvm-cov takes a function of one name from the first only.
#
# A figure below COVERAGE_LINES, COVERAGE_BRANCHES or COVERAGE_MCDC fails: each is 100: code that no test reaches comes with a test, or with the reason why none can.
# What cannot be reached is argued where it stands, in a comment that judge.awk counts. A decision in src/ of a kind that the compiler does not count,
# with an operator between the conditions, fails too: it would be missing from the sum.

COVERAGE_LINES ?= 100
COVERAGE_BRANCHES ?= 100
COVERAGE_MCDC ?= 100

COVERAGE := $(B)/coverage
COVERAGE_CC := clang-19 -O0 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc
COVERAGE_RT := /usr/lib/llvm-19/lib/clang/19/lib/linux

# One line for each build: its name, how it is compiled, and the folders of tests that it runs.
coverage-default = $(CHECK_64)
coverage-granule-8 = -DFH_GRANULE=8 $(CHECK_64)
coverage-single-list = -DFH_SINGLE_LIST $(CHECK_64)
coverage-kept = $(filter-out $(GCC) -O%,$(harden-kept))
coverage-prompt = $(filter-out $(GCC) -O%,$(harden-prompt))
coverage-small = $(CHECK_64)
coverage-small-granule-8 = -DFH_GRANULE=8 $(CHECK_64)
coverage-small-single-list = -DFH_SINGLE_LIST $(CHECK_64)
COVERAGE_OF_SMALL := small small-granule-8 small-single-list
COVERAGE_BUILDS := default granule-8 single-list kept prompt $(COVERAGE_OF_SMALL)
COVERAGE_REPORTS := $(COVERAGE_BUILDS:%=$(COVERAGE)/%/report) $(COVERAGE)/fuzz/report

# Files, because the variables that name them are set in fragments that are read later.
COVERAGE_DEPENDS := $(wildcard $(foreach folder,harden small small/harness unit unit/harness misuse misuse/trial bugs oom fuzz coverage,tests/$(folder)/*.[ch] tests/$(folder)/*.mk))

coverage-tests-kept = harden misuse
coverage-tests-prompt = $(HARDEN_FOLDERS)
coverage-tests = $(or $(coverage-tests-$*),$(if $(filter $*,$(COVERAGE_OF_SMALL)),$(SMALL_FOLDERS),$(CHECK_FOLDERS)))

# The hardened builds have a table of tests of their own, and so has the small core.
coverage-src-kept = -I$(B)/harden $(HARDEN_SRC)
coverage-src-prompt = $(coverage-src-kept)
coverage-src-small = -DTEST_SMALL -I$(B)/small $(SMALL_PUBLIC) $(SMALL_OWN) tests/small/harness/absent.c
coverage-src = $(or $(coverage-src-$*),$(if $(filter $*,$(COVERAGE_OF_SMALL)),$(coverage-src-small),$(CHECK_SRC)))
coverage-core = $(if $(filter $*,$(COVERAGE_OF_SMALL)),$(SMALL_SRC),$(CORE_SRC))

.PHONY: coverage coverage-tools
coverage-tools:
	$(call need,clang-19:clang-19 llvm-cov-19:llvm-19 llvm-profdata-19:llvm-19 \
	    $(COVERAGE_RT)/libclang_rt.profile-x86_64.a:libclang-rt-19-dev)

$(COVERAGE_BUILDS:%=$(COVERAGE)/%/program): $(COVERAGE)/%/program: $(COVERAGE_DEPENDS) $(CORE_SRC) $(CORE_HDR) \
    $(SMALL_SRC) $(SMALL_HDR) $(B)/check/tables.h $(B)/harden/tables.h $(B)/small/tables.h | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(coverage-$*) $(coverage-src) $(CHECK_FLAGS) $(coverage-core) $(CHECK_HARNESS) tests/coverage/dump.c -Wl,--wrap=_exit -o $@ 2>$(@D)/said \
	    || { cat $(@D)/said; exit 1; }
	@! grep '^src/.*unsupported MC/DC' $(@D)/said

$(COVERAGE)/fuzz/program: $(COVERAGE_DEPENDS) $(CORE_SRC) $(CORE_HDR) | coverage-tools
	@mkdir -p $(@D)
	@$(COVERAGE_CC) $(filter-out -O1,$(FUZZ_FLAGS)) -fsanitize=address $(CORE_SRC) $(FUZZ_SRC) -o $@

# $(call coverage_report,FOLDER): what was counted in there, as a report. Files of the core that is not in the program do not appear.
coverage_report = llvm-profdata-19 merge -sparse $(1)/*.profraw -o $(1)/all.profdata \
	&& llvm-cov-19 show $(1)/program -instr-profile=$(1)/all.profdata -show-branches=count -show-mcdc -show-instantiations=false \
	    $(CORE_SRC) $(filter src/small/%,$(SMALL_SRC)) $(wildcard src/*.h src/small/*.h) >$(1)/report 2>$(1)/llvm

$(COVERAGE_BUILDS:%=$(COVERAGE)/%/report): $(COVERAGE)/%/report: $(COVERAGE)/%/program FORCE
	@rm -f $(@D)/*.profraw
	@for folder in $(coverage-tests); do LLVM_PROFILE_FILE=$(@D)/$$folder-%1m.profraw $< $* $$folder \
	    || echo "fail $*/$$folder/ended-early"; done >$(@D)/results 2>$(@D)/log
	@$(call coverage_report,$(@D))

$(COVERAGE)/fuzz/report: $(COVERAGE)/fuzz/program FORCE
	@rm -f $(@D)/*.profraw
	@LLVM_PROFILE_FILE=$(@D)/%1m.profraw $< $(FUZZ_CORPUS) >$(@D)/results 2>&1 || echo "fail fuzz/replay/ended-early" >>$(@D)/results
	@$(call coverage_report,$(@D))

coverage: $(COVERAGE_REPORTS)  ## lines, branches and MC/DC of src/ that the hosted tests reach; below the stated figures it fails
	@cat $(COVERAGE_REPORTS:report=results) | awk -f tests/harden/apart.awk tests/harden/apart - | awk '/^fail/ { print; failed = 1 } END { exit failed }'
	@awk -v least_lines=$(COVERAGE_LINES) -v least_branches=$(COVERAGE_BRANCHES) -v least_mcdc=$(COVERAGE_MCDC) -v missing=$(COVERAGE)/missing.txt \
	    -f tests/coverage/judge.awk $(COVERAGE_REPORTS)
