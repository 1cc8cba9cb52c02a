# SPDX-License-Identifier: MIT
#
# mutate.mk - small changes to the core, each of which some test must notice.
#
#   make mutate                     all of src/, about two hours of processor time
#   make mutate FILE=src/pool.c     one file (or several, in quotes)
#   make mutate SAMPLE=200          so many, evenly spread
#   make mutate ONLY=pool.c:210     those whose name contains it
#   make mutate AGAIN=1             those that survived the last run
#   make mutate PROGRAMS=plain      by the first program of tests alone, a quick look
#
# A mutant is named FILE:LINE:OPERATOR:N. tests/mutate/equivalent lists those that no test can notice, with the reason; there they
# are known by their text, so that an edit above them does not make the list stale. See run.py for what counts as killed and
# mutants.py for the operators. Each mutant's verdict, and what killed it, lies in build/mutate/results.
#
# A word that is read unset is found by the compiler, whose warning of it fails the build of the tests, or else by what it reads: the
# first program's are set to a pattern. Warnings of style kill nothing.
#
# The programs are those of unit.mk, and the replay of the fuzzers' corpus: the core built without optimization first, which is
# built the quickest; then the corpus, 32 bits and their last bytes, the other layout, the count of steps, the sanitizers.
#
# The small core is judged by the tests of small.mk, the shared headers too in what only it makes code of.
#
# What only a build with FH_HARDENED compiles is judged by the programs of harden.mk, less the tests that do not apply to them; what only one with
# FH_SINGLE_LIST compiles, by those of unit.mk that are built so. The same goes for what a build without makes no code of, such as the lines behind
# FH_IS_HARDENED. All else is judged in the build without.

MUTATE_FLAGS := $(CORE_CFLAGS) -Isrc -Itests/unit -I$(abspath $(B))/check
MUTATE_TESTS = $(CHECK_SRC) $(CHECK_HARNESS)
# The programs lie at the same address each time: garbage in a tag means something else at another one, once in some thousand runs what a
# test does not expect.
MUTATE_LINK = $(GCC) -no-pie
# $(call mutate_program,NAME,CORE'S FLAGS,TESTS' FLAGS,LINKER'S FLAGS,HOST,TABLES,HOW THEY ARE RUN)
mutate_program = --program '$(1) | $(GCC) $(MUTATE_FLAGS) $(2) | $(GCC) $(MUTATE_FLAGS) $(3) | $(MUTATE_LINK) $(4) | $(MUTATE_TESTS) $(5) | $(7) tables $(6)'
comma := ,
# The tests: to compile them for a change to a header takes most of the time, and four times as much of it at -O2.
MUTATE_QUICK := -O0
MUTATE_STEPS := -O2 -DTEST_STEPS -fsanitize-coverage=trace-pc
MUTATE_SANITIZED := -O1 -fsanitize=address$(comma)undefined -fno-sanitize-recover=all
MUTATE_32 := -mx32 -fno-pic -fno-stack-protector
MUTATE_SINGLE := -DFH_SINGLE_LIST
MUTATE_PROGRAMS = $(call mutate_program,plain,-O1 -ftrivial-auto-var-init=pattern,$(MUTATE_QUICK),,$(firstword $(CHECK_64)),$(CHECK_FOLDERS)) \
    $(MUTATE_REPLAY) $(MUTATE_SHORT) \
    $(call mutate_program,granule-8,-O1 -DFH_GRANULE=8,$(MUTATE_QUICK) -DFH_GRANULE=8,,$(firstword $(CHECK_64)),$(CHECK_FOLDERS)) \
    $(call mutate_program,steps,$(MUTATE_STEPS),$(MUTATE_STEPS),,$(firstword $(CHECK_64)),bugs/b30_work) \
    $(call mutate_program,sanitized,$(MUTATE_SANITIZED),$(MUTATE_SANITIZED) $(MUTATE_QUICK),$(MUTATE_SANITIZED),$(firstword $(CHECK_64)),$(CHECK_FOLDERS)) \
    $(MUTATE_HARDENED) $(MUTATE_SINGLE_LIST) $(MUTATE_SMALL)
MUTATE_REPLAY = --program 'replay | $(GCC) $(FUZZ_FLAGS) -fsanitize=$(FUZZ_SANITIZERS) | $(GCC) $(FUZZ_FLAGS) -fsanitize=$(FUZZ_SANITIZERS) \
    | $(MUTATE_LINK) -fsanitize=$(FUZZ_SANITIZERS) | $(FUZZ_SRC) | once $(abspath $(FUZZ_CORPUS))'
# $(call mutate_hardened,NAME,CORE'S FLAGS,TESTS' FLAGS,LINKER'S FLAGS,HOST,FOLDERS,HOW THEY ARE RUN)
mutate_hardened = --program '$(1) | $(GCC) -I$(abspath $(B))/harden $(MUTATE_FLAGS) $(HARDEN_FLAGS) $(2) | $(GCC) -I$(abspath $(B))/harden $(MUTATE_FLAGS) $(HARDEN_FLAGS) $(3) | $(MUTATE_LINK) $(4) \
    | $(HARDEN_SRC) $(CHECK_HARNESS) $(5) | $(7) less tests/harden/apart tables $(6)'
MUTATE_PROMPT := -DFH_QUARANTINE_BLOCKS=0
MUTATE_HARDENED = $(call mutate_hardened,kept,-O1 -ftrivial-auto-var-init=pattern,$(MUTATE_QUICK),,$(firstword $(CHECK_64)),harden misuse) \
    $(call mutate_hardened,kept-8,-O1 -DFH_GRANULE=8,$(MUTATE_QUICK) -DFH_GRANULE=8,,$(firstword $(CHECK_64)),harden) $(MUTATE_HARDENED_32) \
    $(call mutate_hardened,prompt,-O1 $(MUTATE_PROMPT),$(MUTATE_QUICK) $(MUTATE_PROMPT),,$(firstword $(CHECK_64)),$(HARDEN_FOLDERS)) \
    --also '$(HARDEN_FLAGS) | kept kept-8 kept-32 prompt'
MUTATE_SINGLE_STEPS := $(MUTATE_STEPS) $(MUTATE_SINGLE)
MUTATE_SINGLE_LIST = $(call mutate_program,single-list,-O1 $(MUTATE_SINGLE),$(MUTATE_QUICK) $(MUTATE_SINGLE),,$(firstword $(CHECK_64)),$(CHECK_FOLDERS)) \
    $(call mutate_program,single-list-steps,$(MUTATE_SINGLE_STEPS),$(MUTATE_SINGLE_STEPS),,$(firstword $(CHECK_64)),bugs/b30_work) \
    --also '$(MUTATE_SINGLE) | single-list single-list-steps'
# $(call mutate_small,NAME,CORE'S FLAGS,TESTS' FLAGS,LINKER'S FLAGS,HOST,HOW THEY ARE RUN)
MUTATE_SMALL_FLAGS := $(CORE_CFLAGS) -Isrc -Itests/unit -I$(abspath $(B))/small -DTEST_SMALL
MUTATE_SMALL_TESTS = $(SMALL_PUBLIC) $(SMALL_OWN) $(SMALL_HARNESS)
mutate_small = --program '$(1) | $(GCC) $(MUTATE_SMALL_FLAGS) $(2) | $(GCC) $(MUTATE_SMALL_FLAGS) $(3) | $(MUTATE_LINK) $(4) | $(MUTATE_SMALL_TESTS) $(5) | $(6) tables $(SMALL_FOLDERS)'
MUTATE_SMALL_CORE = $(sort $(SMALL_SRC))
MUTATE_REPLAY_SMALL = --program 'small-replay | $(GCC) $(FUZZ_FLAGS) -DFUZZ_SMALL -fsanitize=$(FUZZ_SANITIZERS) | $(GCC) $(FUZZ_FLAGS) -DFUZZ_SMALL -fsanitize=$(FUZZ_SANITIZERS) \
    | $(MUTATE_LINK) -fsanitize=$(FUZZ_SANITIZERS) | $(FUZZ_SRC) tests/small/harness/absent.c | once $(abspath $(FUZZ_CORPUS))'
# At -Os it has no map of its rings; for a chip that does not count zeros it has loops of its own.
MUTATE_PLAIN := -U__x86_64__ -U__i386__
MUTATE_SMALL = $(call mutate_small,small,-O1 -ftrivial-auto-var-init=pattern,$(MUTATE_QUICK),,$(firstword $(CHECK_64))) \
    $(MUTATE_REPLAY_SMALL) $(MUTATE_SMALL_32) \
    $(call mutate_small,small-8,-O1 -DFH_GRANULE=8,$(MUTATE_QUICK) -DFH_GRANULE=8,,$(firstword $(CHECK_64))) \
    $(call mutate_small,small-sanitized,$(MUTATE_SANITIZED),$(MUTATE_SANITIZED) $(MUTATE_QUICK),$(MUTATE_SANITIZED),$(firstword $(CHECK_64))) \
    --also ' | small small-replay small-32 small-8 small-sanitized | $(MUTATE_SMALL_CORE)' \
    $(call mutate_small,small-size,-Os,$(MUTATE_QUICK) -D__OPTIMIZE_SIZE__,,$(firstword $(CHECK_64))) --also '-Os | small-size | $(MUTATE_SMALL_CORE)' \
    $(call mutate_small,small-single,-O1 $(MUTATE_SINGLE),$(MUTATE_QUICK) $(MUTATE_SINGLE),,$(firstword $(CHECK_64))) --also '$(MUTATE_SINGLE) | small-single | $(MUTATE_SMALL_CORE)' \
    $(call mutate_small,small-plain,-O1 $(MUTATE_PLAIN),$(MUTATE_QUICK),,$(firstword $(CHECK_64))) --also '$(MUTATE_PLAIN) | small-plain | $(MUTATE_SMALL_CORE)'
ifneq ($(ABI_32),)
# x32 on every machine: it has the end of the address space too.
MUTATE_BY = by $(abspath $(CHECK_LAUNCH))
MUTATE_SHORT = $(call mutate_program,32,-O1 $(MUTATE_32),$(MUTATE_QUICK) $(MUTATE_32),-mx32 -static -nostdlib,$(firstword $(CHECK_X32)),$(CHECK_FOLDERS),$(MUTATE_BY))
MUTATE_HARDENED_32 = $(call mutate_hardened,kept-32,-O1 $(MUTATE_32),$(MUTATE_QUICK) $(MUTATE_32),-mx32 -static -nostdlib,$(firstword $(CHECK_X32)),harden,$(MUTATE_BY))
MUTATE_SMALL_32 = $(call mutate_small,small-32,-O1 $(MUTATE_32),$(MUTATE_QUICK) $(MUTATE_32),-mx32 -static -nostdlib,$(firstword $(CHECK_X32)),$(MUTATE_BY))
endif

MUTATE_EQUAL = --equal '$(GCC) $(CORE_CFLAGS) -O2' --equal '$(GCC) $(CORE_CFLAGS) -O2 -DFH_GRANULE=8' --equal '$(GCC) $(CORE_CFLAGS) -O2 -m32'

.PHONY: mutate mutate-tools
mutate-tools: check-tools
	$(call need,python3:python3 prlimit:util-linux)

mutate: $(B)/check/tables.h $(B)/harden/tables.h $(B)/small/tables.h $(CHECK_LAUNCH) | mutate-tools  ## change the core in small ways; fails if the tests do not notice (FILE=, SAMPLE=n, ONLY=text)
	@nice python3 tests/mutate/run.py --build $(B)/mutate --sources $(sort $(CORE_SRC) $(wildcard src/*.h src/small/*.[ch])) \
	    --core $(sort $(CORE_SRC)) --trees include src tests \
	    --reader '$(GCC) $(CORE_CFLAGS)' $(MUTATE_EQUAL) --warned '$(GCC) $(CORE_CFLAGS) -O2 -Wuninitialized -Wmaybe-uninitialized -Werror' $(MUTATE_PROGRAMS) --equivalent tests/mutate/equivalent --jobs $(JOBS) \
	    --file '$(FILE)' --sample '$(or $(SAMPLE),0)' --only '$(ONLY)' --programs '$(PROGRAMS)' $(if $(AGAIN),--again)

# The tool itself: a source with known mutants, and two builds. About 15 s.
SUITES += mutate
.PHONY: test-mutate
test-mutate: | mutate-tools
	@mkdir -p $(B)/tally
	@sh tests/mutate/selftest.sh $(B)/mutate/selftest $(GCC) >$(B)/tally/mutate
