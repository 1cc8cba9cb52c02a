# SPDX-License-Identifier: MIT
#
# The hardened build: its own tests, and all tests of unit, misuse, bugs and oom that say something about it, in two programs: `kept` is as
# it comes; `prompt` keeps nothing back, which is what most of those tests are written for. The file `apart` names those that do not apply, and why. Its
# own tests run with granules of 8 and on 32 bits, too. About 30 s of processor time, most of it the compiler's.

HARDEN_FLAGS := -DFH_HARDENED
harden-kept = $(GCC) -O2 $(HARDEN_FLAGS) $(CHECK_64)
harden-prompt = $(GCC) -O1 $(HARDEN_FLAGS) -DFH_QUARANTINE_BLOCKS=0 $(CHECK_64)
harden-kept-8 = $(GCC) -O2 $(HARDEN_FLAGS) -DFH_GRANULE=8 $(CHECK_64)
harden-kept-32 = $(GCC) -Os $(HARDEN_FLAGS) $(CHECK_32)
HARDEN_PROGRAMS := kept prompt kept-8
ifneq ($(ABI_32),)
HARDEN_PROGRAMS += kept-32
endif
HARDEN_FOLDERS := harden unit misuse bugs oom
HARDEN_SRC := tests/harden/harden.c $(wildcard tests/unit/*.c tests/misuse/*.c tests/bugs/*.c tests/oom/*.c)
HARDEN_HARNESS := $(wildcard tests/unit/harness/*.[ch] tests/misuse/*.h tests/bugs/*.h tests/misuse/trial/trial.c)

$(B)/harden/tables.h: tests/harden/harden.mk FORCE
	@mkdir -p $(@D)
	@printf 'TABLE(%s)\n' $(subst /,_,$(HARDEN_SRC:tests/%.c=%)) >$@.new
	@cmp -s $@.new $@ || cp $@.new $@

$(HARDEN_PROGRAMS:%=$(B)/harden/%): $(B)/harden/%: $(HARDEN_SRC) $(HARDEN_HARNESS) $(CORE_SRC) $(CORE_HDR) \
    $(B)/harden/tables.h tests/harden/harden.mk | check-tools
	@$(harden-$*) -I$(B)/harden $(CHECK_FLAGS) $(CORE_SRC) $(HARDEN_SRC) $(CHECK_HARNESS) -o $@

SUITES += harden
.PHONY: test-harden
test-harden: $(HARDEN_PROGRAMS:%=$(B)/harden/%) | $(CHECK_LAUNCH)  ## test the hardened build
	@mkdir -p $(B)/tally
	@for run in $(patsubst %,%/harden,$(filter kept%,$(HARDEN_PROGRAMS))) kept/misuse $(HARDEN_FOLDERS:%=prompt/%); do \
	    case $$run in *-32/*) through='$(call run_32,kept-32)' ;; *) through= ;; esac; \
	    SEED='$(SEED)' timeout 300 $$through $(B)/harden/$${run%/*} $${run%/*} $${run#*/} $(ONLY) || echo "fail $$run-ended-early"; \
	done >$(B)/harden/results 2>$(B)/harden/said
	@awk -f tests/harden/apart.awk tests/harden/apart $(B)/harden/results >$(B)/tally/harden
	@echo "harden: $$(grep -c '^pass' $(B)/tally/harden) passed, $$(grep -c '^fail' $(B)/tally/harden) failed; what was seen: $(B)/harden/said"
