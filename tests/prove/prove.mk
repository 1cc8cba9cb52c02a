# SPDX-License-Identifier: MIT
#
# prove.mk - what is known of freehold for all arguments or all interleavings, and not only for those that a test tried.
#
#   make prove   everything below; the last lines say how much of each
#
#   facts        of bit operations, for all words, by z3: they are what the next step may use
#   wp           contracts of the leaf functions, by Frama-C's WP, on a 64-bit machine
#   lists        that insertion and removal keep the free lists whole, by WP on a model of memory
#   exhaust      the small functions on every argument
#   scope        all sequences of calls on a tiny heap, each state compared with a model
#   spin         the protocols of the caches, of opening them and of the deferred frees, over all interleavings, with mutants
#   eva          whole scripts of calls without a run-time error, by Frama-C's abstract interpreter
#
# Where each function stands that has no contract is in left-out, with the reason. Each part leaves its count in build/prove and
# fails if anything is not proved. scope is the part that `make test` runs too.

PROVE := $(B)/prove
PROVE_NEED := frama-c:frama-c-base why3:why3 z3:z3 cvc4:cvc4 spin:spin
PROVE_PARTS := facts wp-x86_64 lists-x86_64 exhaust-16 exhaust-8 scope-16 scope-8 scope-single spin-cache spin-caches spin-deferred eva-x86_64

.PHONY: prove prove-need $(PROVE_PARTS:%=prove-%)
prove: $(PROVE_PARTS:%=prove-%)  ## prove what can be proved: contracts, protocols, every argument (25 minutes of processor time)
	@cat $(PROVE_PARTS:%=$(PROVE)/%/count)
	@echo "proved: $(words $(PROVE_PARTS)) parts, none failed"

prove-need:
	$(call need,$(PROVE_NEED))
	@mkdir -p $(PROVE)

prove-facts: prove-need
	@sh tests/prove/facts.sh $(PROVE)/facts

prove-wp-x86_64: prove-wp-%: prove-need
	@sh tests/prove/wp.sh $* $(PROVE)/wp-$*

prove-lists-x86_64: prove-lists-%: prove-need
	@sh tests/prove/lists.sh $* $(PROVE)/lists-$*

# The small functions as this machine compiles them, against their definitions and against the loops for chips without the
# instructions.
PROVE_CC = $(CC) -O2 -std=c11 $(WARN) -Iinclude -Isrc

$(PROVE)/portable.o: tests/prove/portable.c $(CORE_HDR)
	@mkdir -p $(@D)
	@$(CC) -O2 -ffreestanding -U__GNUC__ -U__x86_64__ -U__i386__ -U__aarch64__ -Iinclude -c $< -Isrc -o $@

$(PROVE)/exhaust-%.elf: tests/prove/exhaust.c $(PROVE)/portable.o $(CORE_SRC) $(CORE_HDR)
	@$(PROVE_CC) -DFH_GRANULE=$* $< $(PROVE)/portable.o $(CORE_SRC) -o $@

prove-exhaust-16 prove-exhaust-8: prove-exhaust-%: $(PROVE)/exhaust-%.elf
	@mkdir -p $(PROVE)/exhaust-$*
	@$< >$(PROVE)/exhaust-$*/log || { cat $(PROVE)/exhaust-$*/log >&2; exit 1; }
	@awk '/ cases$$/ { n += $$(NF - 1); k++ } END { printf "exhaust: %d facts hold in %.0f cases, granules of $* bytes\n", k, n }' \
	    $(PROVE)/exhaust-$*/log | tee $(PROVE)/exhaust-$*/count

# All sequences of calls on a tiny heap. SCOPE is how many calls; `make test` runs them all with one call less.
scope_flags_16 := -DFH_GRANULE=16
scope_flags_8 := -DFH_GRANULE=8
scope_flags_single := -DFH_SINGLE_LIST
SCOPE := 6

$(PROVE)/scope-%.elf: tests/prove/scope.c $(CORE_SRC) $(CORE_HDR)
	@mkdir -p $(@D)
	@$(PROVE_CC) $(scope_flags_$*) $< $(CORE_SRC) -o $@

$(PROVE_PARTS:%=prove-%): | $(PROVE)
$(PROVE):
	@mkdir -p $@

prove-scope-16 prove-scope-8 prove-scope-single: prove-scope-%: $(PROVE)/scope-%.elf
	@mkdir -p $(PROVE)/scope-$*
	@$< 12 $(SCOPE) >$(PROVE)/scope-$*/log || { cat $(PROVE)/scope-$*/log >&2; exit 1; }
	@sed 's/^ */scope: /; s/$$/ ($*)/' $(PROVE)/scope-$*/log | tee $(PROVE)/scope-$*/count

prove-spin-cache: prove-need
	@sh tests/prove/spin.sh $(PROVE)/spin-cache cache -DCALLS=2 -- BUSY_UNTESTED DRAIN_TAKES UNMASKED TAKE_COUNTS_LATE PUT_COUNTS_EARLY

prove-spin-caches: prove-need
	@sh tests/prove/spin.sh $(PROVE)/spin-caches caches -DCALLS=2 -- SECOND_UNSEEN CLOSED_LINKED LINKED_UNLOCKED

prove-spin-deferred: prove-need
	@sh tests/prove/spin.sh $(PROVE)/spin-deferred deferred -DROUNDS=1 -- PUSH_WRITES TAKE_WRITES LINK_ONCE

prove-eva-x86_64: prove-eva-%: prove-need
	@sh tests/prove/eva.sh $* $(PROVE)/eva-$*

SUITES += prove
.PHONY: test-prove
test-prove: $(PROVE)/scope-16.elf $(PROVE)/scope-8.elf $(PROVE)/scope-single.elf
	@mkdir -p $(B)/tally
	@: >$(B)/tally/prove
	@for heap in 16 8 single; do \
	    if $(PROVE)/scope-$$heap.elf 12 5 >$(PROVE)/scope-$$heap.log; then echo "pass scope-$$heap"; \
	    else cat $(PROVE)/scope-$$heap.log >&2; echo "fail scope-$$heap"; fi >>$(B)/tally/prove; \
	done
