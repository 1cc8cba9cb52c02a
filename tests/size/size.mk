# SPDX-License-Identifier: MIT
#
# size.mk - the exact size of the code, of a heap's own memory, and of the stack.
#
#   make size                 the tables for every target in tests/size/targets, against tests/size/limits; also in
#                             build/size.txt, size.md and size-code.svg
#   make size TARGETS=m0-gcc  for some of them; m0-gcc-small is the small core there
#   make cost                 see tests/wcet/wcet.mk
#
# PUBLISH=1 copies tables and plot to tests/size/plots, for the README. COST_STRICT=0 lets figures over their limits pass, and
# says which they are.

COST_STRICT ?= 0
SIZE_WHOLE := $(shell awk '!/^\#/ { print $$1 }' tests/size/targets)
SIZE_TARGETS := $(SIZE_WHOLE) $(SIZE_WHOLE:%=%-small)
TARGETS ?= $(SIZE_TARGETS)
SIZE_SELF := tests/size/targets tests/size/measure.sh tests/size/stack.awk tests/size/through tests/size/link.ld
SIZE_CONTROL_WHOLE := control-m4-gcc control-x86-64-gcc
SIZE_CONTROL_SMALL := $(SIZE_CONTROL_WHOLE:%=%-small)
SIZE_CONTROL := $(foreach build,full single,$(patsubst %,$(B)/size/%-$(build).txt,$(SIZE_CONTROL_WHOLE) $(SIZE_CONTROL_SMALL)))
size_need_arm-none-eabi-gcc := arm-none-eabi-gcc:gcc-arm-none-eabi
size_need_riscv64-unknown-elf-gcc := riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf
size_need_x86_64-linux-gnu-gcc := x86_64-linux-gnu-gcc:gcc
size_need_clang := clang:clang ld.lld:lld

$(SIZE_TARGETS:%=$(B)/size/%.rows): $(B)/size/%.rows: $(SIZE_SELF)
	@CORE_SRC='$(if $(filter %-small,$*),$(SMALL_SRC),$(CORE_SRC))' CORE_CFLAGS='$(CORE_CFLAGS)' sh tests/wcet/attempt.sh $* $@ \
	    '$(size_need_$(shell awk '$$1 == "$(*:-small=)" { print $$2 }' tests/size/targets)) readelf:binutils' sh tests/size/measure.sh $* $(B)/size/$*
$(SIZE_WHOLE:%=$(B)/size/%.rows): $(CORE_SRC) $(CORE_HDR)
$(SIZE_WHOLE:%=$(B)/size/%-small.rows): $(SMALL_SRC) $(SMALL_HDR)

.SECONDARY: $(SIZE_CONTROL:.txt=.elf)
# What a heap keeps for itself is asked of the library where it runs: on a 32-bit and a 64-bit machine, and built with one list.
$(B)/size/control-%-full.elf: tests/size/control.c
	$(call wcet_image,$*,$<,-Os)

$(B)/size/control-%-single.elf: tests/size/control.c
	$(call wcet_image,$*,$<,-Os -DFH_SINGLE_LIST)

$(foreach build,full single,$(SIZE_CONTROL_WHOLE:%=$(B)/size/%-$(build).elf)): $(CORE_SRC) $(CORE_HDR)
$(foreach build,full single,$(SIZE_CONTROL_SMALL:%=$(B)/size/%-$(build).elf)): $(SMALL_SRC) $(SMALL_HDR)

$(B)/size/control-m4-gcc-%.txt: $(B)/size/control-m4-gcc-%.elf
	$(call size_run,m4-gcc)

$(B)/size/control-x86-64-gcc-%.txt: $(B)/size/control-x86-64-gcc-%.elf
	$(call size_run,x86-64-gcc)

size_run = @FROM=$< sh tests/wcet/attempt.sh $(basename $(@F)) $@ '$($($(1).board).need)' sh tests/size/run.sh '$($($(1).board).status)' $@ $(subst IMAGE,$<,$($($(1).board).qemu) $(WCET_QEMU))

# What is absent or failed is in the files, and settle.sh says it.
$(B)/size.facts: $(TARGETS:%=$(B)/size/%.rows) $(SIZE_CONTROL) tests/size/facts.awk
	@awk -f tests/size/facts.awk $(filter-out %.awk,$^) >$@

.PHONY: size
size: $(B)/size.facts  ## bytes of code, of control memory and of stack, per target, against the limits; plot
	$(call need,gnuplot:gnuplot-nox)
	@awk -f tests/size/report.awk $(B)/size.facts $(TARGETS:%=$(B)/size/%.rows) >$(B)/size.txt
	@{ awk -v markdown=1 -f tests/size/report.awk $(B)/size.facts; echo; echo 'Made by `make size PUBLISH=1`.'; } >$(B)/size.md
	@for core in whole small; do awk -v core=$$core -F'[ /]' 'BEGIN { print "target malloc+free +realloc +aligned+create single-list" } \
	    $$1 == "size" && ($$2 ~ /-small$$/) == (core == "small") { sub(/-small$$/, "", $$2); if (!($$2 in seen)) { seen[$$2] = 1; names[++n] = $$2 } bytes[$$2, $$3] = $$4 } \
	    END { for (i = 1; i <= n; i++) print names[i], bytes[names[i], "malloc+free"], bytes[names[i], "+realloc"], \
	        bytes[names[i], "+aligned+create"], bytes[names[i], "single-list"] }' $(B)/size.facts >$(B)/size/plot-$$core.dat; done
	@gnuplot -e "out='$(B)/size-code.svg'; data='$(B)/size/plot-whole.dat'; small='$(B)/size/plot-small.dat'" tests/size/plot.gp
	@cat $(B)/size.txt
	@echo "the tables and plot: $(B)/size.txt size.md size-code.svg"
	@$(call wcet_settle,$(if $(filter-out $(TARGETS),$(SIZE_TARGETS)),1,0)) - tests/size/limits $(B)/size.facts $(TARGETS:%=$(B)/size/%.rows) $(SIZE_CONTROL)
ifeq ($(PUBLISH),1)
	@mkdir -p tests/size/plots && cp $(B)/size.md $(B)/size-code.svg tests/size/plots
endif

# In make test: the targets whose limits are named, with both compilers.
SIZE_TESTED := m0-gcc m0-clang m4-gcc x86-64-gcc m0-gcc-small m0-clang-small m4-gcc-small x86-64-gcc-small
SUITES += size
.PHONY: test-size
test-size: $(SIZE_TESTED:%=$(B)/size/%.rows) $(SIZE_CONTROL)
	@awk -f tests/size/facts.awk $^ >$(B)/size/tested.facts
	@awk -f tests/size/report.awk $(B)/size/tested.facts $(SIZE_TESTED:%=$(B)/size/%.rows) >$(B)/size/tested.txt
	@$(call wcet_settle,0) $(B)/tally/size tests/size/limits $(B)/size/tested.facts $^
	@if grep -q '^fail' $(B)/tally/size; then cat $(B)/size/tested.txt; fi
