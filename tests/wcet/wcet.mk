# SPDX-License-Identifier: MIT
#
# wcet.mk - the exact number of instructions of each call, under QEMU.
#
#   make wcet                   the table and plots of all machines, against tests/wcet/limits
#   make wcet MACHINES=m4-gcc   of some; m4-gcc-small is the small core there, m4-gcc-same the other one on the same work
#   make cost                   Cortex-M0 bytes function by function, and Cortex-M4 instructions with the dearest calls taken
#                               apart: what to look at while the core is being tuned; also in build/cost.txt
#   make cost-small             the same for the small core
#   make cost-unchecked         in brief, for the small core without whatever makes it safe
#
# For the machines of WCET_BOUNDED the longest path of each call is derived from the image too, with bound.py and what the files
# loops and loops-small state; no measured call may be longer.
#
# PUBLISH=1 copies table and plots to tests/wcet/plots, for the README. COST_STRICT=0 lets figures over their limits pass, and
# says which they are.

WCET_OPT ?= -O2

# A machine is a chip and a compiler. Its board has a .c and a .ld file in this folder; code for a Cortex-M0 runs on a
# Cortex-M4.
WCET_WHOLE := m0-gcc m4-gcc m4-clang rv32-gcc x86-64-gcc
# With the small core, on what one span holds; and the other core on the same.
WCET_SPANNED := m0-gcc m4-gcc rv32-gcc x86-64-gcc
WCET_MACHINES := $(WCET_WHOLE) $(WCET_SPANNED:%=%-small) $(WCET_SPANNED:%=%-same)
MACHINES ?= $(WCET_MACHINES)

m0-gcc.board := cortexm
m0-gcc.cc := arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -mfloat-abi=soft
m0-gcc.ld := arm-none-eabi-ld
m0-gcc.need := arm-none-eabi-gcc:gcc-arm-none-eabi
m4-gcc.board := cortexm
m4-gcc.cc := arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
m4-gcc.ld := arm-none-eabi-ld
m4-gcc.need := arm-none-eabi-gcc:gcc-arm-none-eabi
m4-clang.board := cortexm
m4-clang.cc := clang --target=thumbv7em-none-eabi -mcpu=cortex-m4 -mfloat-abi=soft
m4-clang.ld := ld.lld
m4-clang.need := clang:clang ld.lld:lld
rv32-gcc.board := riscv
rv32-gcc.cc := riscv64-unknown-elf-gcc -march=rv32imac_zicsr -mabi=ilp32
rv32-gcc.ld := riscv64-unknown-elf-ld -m elf32lriscv
rv32-gcc.need := riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf
x86-64-gcc.board := x86-64
x86-64-gcc.cc := x86_64-linux-gnu-gcc -m64 -mno-red-zone -mgeneral-regs-only -fcf-protection=none -fno-pic -fno-pie -fno-stack-protector
x86-64-gcc.ld := x86_64-linux-gnu-ld -m elf_x86_64 -z max-page-size=4096
x86-64-gcc.need := x86_64-linux-gnu-gcc:gcc

define WCET_SPAN
$(foreach key,board cc ld need,$(1)-$(2).$(key) := $$($(1).$(key))
)$(1)-$(2).flags := -DONE_SPAN
$(1)-$(2).traces := -span
endef
$(foreach m,$(WCET_SPANNED),$(foreach k,small same,$(eval $(call WCET_SPAN,$m,$k))))
$(foreach m,$(WCET_SPANNED),$(eval $m-small.core := $(SMALL_SRC))$(eval $m-small.headers := $(SMALL_HDR)))

# Machines whose binutils read the image well: of what clang inlined, they lose the names.
WCET_BOUNDED_WHOLE := m0-gcc m4-gcc rv32-gcc x86-64-gcc
WCET_BOUNDED_SMALL := $(WCET_BOUNDED_WHOLE:%=%-small)
WCET_BOUNDED := $(WCET_BOUNDED_WHOLE) $(WCET_BOUNDED_SMALL)
wcet_loops = tests/wcet/loops$(if $(filter %-small,$(1)),-small)
m0-gcc.binutils := arm-none-eabi
m4-gcc.binutils := arm-none-eabi
rv32-gcc.binutils := riscv64-unknown-elf
x86-64-gcc.binutils := x86_64-linux-gnu

cortexm.qemu := qemu-system-arm -M mps2-an386 -semihosting-config enable=on,target=native
cortexm.need := qemu-system-arm:qemu-system-arm
riscv.qemu := qemu-system-riscv32 -M virt -bios none -m 64
riscv.need := qemu-system-riscv32:qemu-system-misc
x86-64.qemu := qemu-system-x86_64 -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1
x86-64.need := qemu-system-x86_64:qemu-system-x86
x86-64.status := 33
WCET_QEMU := -kernel IMAGE -display none -serial stdio -monitor none -no-reboot -nic none

# $(call wcet_image,MACHINE,MAIN.c,CORE_FLAGS): the recipe of an image, $@.
wcet_core = $(or $($(1).core),$(CORE_SRC))
wcet_headers = $(or $($(1).headers),$(CORE_HDR))
wcet_image = @CORE_SRC='$(call wcet_core,$(1))' MAIN_FLAGS='$($(1).flags)' CORE_CFLAGS='$(CORE_CFLAGS)' WARN='$(WARN)' sh tests/wcet/attempt.sh $(basename $(@F)) $@ '$($(1).need) readelf:binutils' \
    sh tests/wcet/image.sh $@ $(2) $($(1).board) '$($(1).ld)' '$($(1).cc)' '$(3)'
wcet_settle = PARTIAL=$(1) COST_STRICT=$(COST_STRICT) STRICT=$(STRICT) sh tests/wcet/settle.sh
wcet_sources = $(wildcard tests/wcet/*.h tests/wcet/*.ld tests/wcet/*.sh tests/wcet/*.c)

$(B)/wcet/count.so: tests/wcet/count.c
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(WARN) -O2 -fPIC -shared -fvisibility=hidden $< -o $@

# Programs whose traces fit beside the image on the smallest machine.
WCET_TRACES := $(wildcard $(patsubst %,tests/traces/%.fht.xz,cc1 lua sqlite))

$(B)/wcet/traces: $(WCET_TRACES)
	$(call need,xz:xz-utils)
	@mkdir -p $(@D)
	@cat $(WCET_TRACES) /dev/null | xz -dc >$@

# No recorded program fits in one span; what embedded ones do is made up.
$(B)/wcet/traces-span: $(B)/traces/queue.fht $(B)/traces/packet.fht
	@mkdir -p $(@D)
	@cat $^ >$@

$(WCET_MACHINES:%=$(B)/wcet/%.elf): $(B)/wcet/%.elf: $(wcet_sources)
	$(call wcet_image,$*,tests/wcet/sequences.c,$(WCET_OPT) -g)
$(foreach m,$(WCET_MACHINES),$(eval $(B)/wcet/$m.elf: $(call wcet_core,$m) $(call wcet_headers,$m)))

$(WCET_MACHINES:%=$(B)/wcet/%.txt): $(B)/wcet/%.txt: $(B)/wcet/%.elf $(B)/wcet/count.so $(B)/wcet/traces $(B)/wcet/traces-span tests/wcet/run.sh
	@FROM=$< PASS_STATUS='$($($*.board).status)' sh tests/wcet/attempt.sh $* $@ '$($($*.board).need)' \
	    sh tests/wcet/run.sh $< $(B)/wcet/count.so $(B)/wcet/traces$($*.traces) $@ $($($*.board).qemu) $(WCET_QEMU)

.PHONY: cost
cost: $(B)/size/m0-gcc.rows $(B)/wcet/m4-gcc.txt  ## what tuning the core needs: Cortex-M0 bytes by function, Cortex-M4 instructions by call
	@{ awk -f tests/size/breakdown.awk $(B)/size/m0-gcc.rows; \
	   awk -v set=malloc+free -v roots='fh_malloc fh_free' -f tests/size/retained.awk $(B)/size/m0-gcc.rows $(B)/size/m0-gcc/full/*.ci; \
	   awk -f tests/wcet/worst.awk $(B)/wcet/m4-gcc.txt.symbols $(B)/wcet/m4-gcc.txt $(B)/wcet/m4-gcc.txt; \
	   awk -v title=m4-gcc -f tests/wcet/table.awk $(B)/wcet/m4-gcc.txt; } >$(B)/cost.txt; cat $(B)/cost.txt

# $(call cost_small,FOLDER,NAME): the small core's figures in brief.
cost_small = awk '$$1 == "size" { print $$2 "$(2) -Os, bytes of " $$3 ": " $$4 + $$5 }' $(1)/size/m0-gcc-small.rows; \
    awk -v title='m4-gcc-small$(2)' -v brief=1 -f tests/wcet/table.awk $(1)/wcet/m4-gcc-small.txt

# One command from the small core's sources to the figures that are looked at, the briefest last.
.PHONY: cost-small
cost-small: $(B)/size/m0-gcc-small.rows $(B)/wcet/m4-gcc-small.txt  ## what tuning the small core needs: the same, in brief last
	@{ awk -f tests/size/breakdown.awk $<; \
	   awk -f tests/wcet/worst.awk $(B)/wcet/m4-gcc-small.txt.symbols $(B)/wcet/m4-gcc-small.txt $(B)/wcet/m4-gcc-small.txt; \
	   awk -v title=m4-gcc-small -f tests/wcet/table.awk $(B)/wcet/m4-gcc-small.txt; \
	   $(call cost_small,$(B)); } >$(B)/cost-small.txt; cat $(B)/cost-small.txt

# The small core less the reports, the checks of what it follows, the seals, the look at the pointer that is freed and the peak, the words
# that are cleared behind a block, and what is deferred. A figure that is not reached even so is not reached with them.
UNCHECKED := $(B)/unchecked
EDIT_unchecked := heap.c 'struct fh_fault fault;' 'fh_trap(); struct fh_fault fault;' \
	heap.c 'if \(fh_rarely\((next|first|size|!fh|fh_at)' 'if (0 \&\& fh_rarely(\1' \
	heap.c 'fh_rarely\(h->deferred != 0\)' '0' \
	heap.c 'fh_lock\(h\)' 'h->port->lock != NULL ? h->port->lock(h->port->ctx) : 0' \
	heap.c 'enum fh_fault_kind kind = FH_FOREIGN;' 'return open_tag(h, fh_link_of(h, ptr)); enum fh_fault_kind kind = FH_FOREIGN;' \
	heap.c 'b->(next|prev) = 0;' ';' \
	heap.c 'seal_tag\(h, behind, k != 0 \? FH_DEAD : (.*)\);' 'if (k == 0) seal_tag(h, behind, \1);' \
	heap.c 'if \(m != 0\)' 'if (0)'
# $(call unchecked,FOLDER)
unchecked = sh $(BENCH)/variant.sh src $(1) $(EDIT_unsealed) bits.h 'FH_OPAQUE\(factor\);' ';' && \
    sh $(BENCH)/variant.sh src/small $(1)/small $(EDIT_unchecked)
.PHONY: cost-unchecked
cost-unchecked:  ## the small core's figures without check, seal, report and deferred frees: what all that costs
	@$(call unchecked,$(UNCHECKED)/src)
	@MAKEFLAGS= $(MAKE) --no-print-directory -s B=$(UNCHECKED) SMALL_SRC='$(SMALL_SRC:src/%=$(UNCHECKED)/src/%)' SMALL_HDR='$(SMALL_HDR:src/%=$(UNCHECKED)/src/%)' \
	    SMALL_OBJ= $(UNCHECKED)/size/m0-gcc-small.rows $(UNCHECKED)/wcet/m4-gcc-small.txt
	@$(call cost_small,$(UNCHECKED),$() unchecked)

wcet_binutils = $($(*:-small=).binutils)
# Debian has the binutils of the host's own kind in the package binutils, with the long names too.
$(WCET_BOUNDED:%=$(B)/wcet/%.bound): $(B)/wcet/%.bound: $(B)/wcet/%.txt $(B)/wcet/%.elf tests/wcet/loops tests/wcet/loops-small tests/wcet/bound.py tests/wcet/flow.py
	@FROM=$< sh tests/wcet/attempt.sh $*.bound $@ \
	    'python3:python3 $(foreach t,objdump addr2line,$(wcet_binutils)-$(t):binutils-$(subst _,-,$(wcet_binutils)))' \
	    python3 tests/wcet/bound.py --measured $< --out $@ $(wcet_binutils)- $(B)/wcet/$*.elf $(call wcet_loops,$*) $(call wcet_core,$*) $(call wcet_headers,$*)

$(WCET_MACHINES:%=$(B)/wcet/%.facts): $(B)/wcet/%.facts: $(B)/wcet/%.txt tests/wcet/facts.awk
	@awk -v machine=$* -f tests/wcet/facts.awk $(filter %.txt %.bound,$^) >$@
$(WCET_BOUNDED:%=$(B)/wcet/%.facts): $(B)/wcet/%.facts: $(B)/wcet/%.bound

# What no machine needs is taken out of the statements.
wcet_unused = awk '/^unused/ && ++n[$$0] == ARGC - 1 { print "wcet: no machine needs this line of the statements: " $$0; bad = 1 } END { exit bad }' \
    $(1:%=$(B)/wcet/%.bound)

.PHONY: wcet
wcet: $(MACHINES:%=$(B)/wcet/%.facts)  ## exact instructions of each call under QEMU: typical, 99th percentile, worst; plots
	$(call need,gnuplot:gnuplot-nox)
	@cat $^ >$(B)/wcet.facts
	@awk -f tests/wcet/report.awk $(B)/wcet.facts >$(B)/wcet.txt
	@{ awk -v markdown=1 -f tests/wcet/report.awk $(B)/wcet.facts; echo; echo 'Made by `make wcet PUBLISH=1`.'; } >$(B)/wcet.md
	@sh tests/wcet/plot.sh $(B) $(MACHINES)
	@cat $(B)/wcet.txt
	@echo "the table and plots: $(B)/wcet.txt wcet.md wcet-*.svg"
	@$(if $(filter-out $(MACHINES),$(WCET_MACHINES)),:,$(call wcet_unused,$(WCET_BOUNDED_WHOLE)) && $(call wcet_unused,$(WCET_BOUNDED_SMALL)))
	@$(call wcet_settle,$(if $(filter-out $(MACHINES),$(WCET_MACHINES)),1,0)) - tests/wcet/limits $(B)/wcet.facts $(MACHINES:%=$(B)/wcet/%.txt) \
	    $(patsubst %,$(B)/wcet/%.bound,$(filter $(WCET_BOUNDED),$(MACHINES)))
ifeq ($(PUBLISH),1)
	@mkdir -p tests/wcet/plots && cp $(B)/wcet.md $(B)/wcet-growth*.svg $(patsubst %,$(B)/wcet-%.svg,$(filter-out %-same,$(MACHINES))) tests/wcet/plots
endif

# In make test: one machine with both cores, whose limits are named, and what finds its longest paths on paths that are known.
SUITES += wcet
.PHONY: test-wcet
WCET_TESTED := m4-gcc m4-gcc-small
test-wcet: $(WCET_TESTED:%=$(B)/wcet/%.facts)
	@cat $^ >$(B)/wcet/tested.facts
	@$(call wcet_settle,0) $(B)/tally/wcet tests/wcet/limits $(B)/wcet/tested.facts $(WCET_TESTED:%=$(B)/wcet/%.txt) \
	    $(patsubst %,$(B)/wcet/%.bound,$(filter $(WCET_BOUNDED),$(WCET_TESTED)))
	@if ! grep -q '^skip m4-gcc' $(B)/tally/wcet; then { sh tests/wcet/selftest.sh $(B)/wcet; \
	    if $(call unchecked,$(B)/wcet/unchecked); then echo pass unchecked-follows-the-core; \
	    else echo fail unchecked-follows-the-core; fi; } >>$(B)/tally/wcet; fi
	@if grep -q '^fail wcet/' $(B)/tally/wcet; then awk -f tests/wcet/report.awk $(B)/wcet/tested.facts; fi
