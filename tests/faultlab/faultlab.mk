# SPDX-License-Identifier: MIT
#
# The fault lab: what becomes of a heap after a fault, in thousands of trials a class; see lab.h for the outcomes.
#
#   make faultlab                          all of it, freehold beside the others: hours of processor time, 40 minutes for three classes in 1 GiB
#   make faultlab FAULTLAB_TRIALS=100      a quick look
#   make faultlab PUBLISH=1                its comparison goes to tests/faultlab/compare.md, for the README
#   build/faultlab/lab64 build/faultlab/freehold-64-16.so --class flip-link --trial 7 --verbose

FL := $(B)/faultlab
# Trials a class: in heaps of 64 KiB, and in heaps of 1 GiB of the builds that users get by default; in heaps of 1 GiB of the other
# builds; on other allocators; in `make test`. Three classes make freehold read most of the heap, two or more times a trial, which
# takes as long as twenty others if that is 1 GiB: in those other builds they are tried less often there by the factor FAULTLAB_SPARSE.
FAULTLAB_TRIALS ?= 10000
FAULTLAB_FEWER ?= $(shell expr \( $(FAULTLAB_TRIALS) + 4 \) / 5)
FAULTLAB_PEERS ?= $(FAULTLAB_FEWER)
FAULTLAB_SPARSE ?= 10
FAULTLAB_SHORT ?= 60

FAULTLAB_SRC := tests/faultlab/lab.c tests/faultlab/model.c tests/faultlab/crimes.c tests/faultlab/memory.c
FAULTLAB_HDR := tests/faultlab/lab.h tests/faultlab/subject.h
FAULTLAB_FLAGS := -std=c11 -O2 -g $(WARN)
# The 32-bit headers of gcc lack the kernel's; those of the machine do, and need no package that would drive out cross compilers.
FAULTLAB_M64 :=
FAULTLAB_M32 := -m32 -idirafter /usr/include/x86_64-linux-gnu

FAULTLAB_64 := freehold-64-16 freehold-64-8 cache-64-16 single-64-16 small-64-16
FAULTLAB_32 := freehold-32-8 freehold-32-16 small-32-8
# No heap of 1 GiB.
FAULTLAB_SMALL := small-64-16 small-32-8
faultlab-flags-freehold-64-16 := -DFH_GRANULE=16
faultlab-flags-freehold-64-8 := -DFH_GRANULE=8
faultlab-flags-cache-64-16 := -DFH_GRANULE=16 -DLAB_CACHE
faultlab-flags-single-64-16 := -DFH_GRANULE=16 -DFH_SINGLE_LIST
faultlab-flags-small-64-16 := -DFH_GRANULE=16 -DLAB_SMALL
faultlab-flags-small-32-8 := -DFH_GRANULE=8 -DLAB_SMALL $(FAULTLAB_M32)
faultlab-flags-freehold-32-8 := -DFH_GRANULE=8 $(FAULTLAB_M32)
faultlab-flags-freehold-32-16 := -DFH_GRANULE=16 $(FAULTLAB_M32)
# The hardened build, where the core has one.
ifneq ($(shell grep -l FH_HARDENED src/*.[ch] 2>/dev/null),)
FAULTLAB_64 += hardened-64-16
FAULTLAB_32 += hardened-32-8
faultlab-flags-hardened-64-16 := -DFH_GRANULE=16 -DFH_HARDENED
faultlab-flags-hardened-32-8 := -DFH_GRANULE=8 -DFH_HARDENED $(FAULTLAB_M32)
endif
FAULTLAB_BITS := 64
FAULTLAB_BUILDS := $(FAULTLAB_64)
FAULTLAB_MISSING := skip 32-bit this machine runs neither i386 nor x32
FAULTLAB_TOOLS :=
# Where the kernel has no 32-bit side, QEMU has one; some forty times as slow, which is too much for `make test`.
RUN_I386 := $(if $(filter x32,$(ABI_32)),qemu-i386)
ifneq ($(ABI_32),)
FAULTLAB_BITS += 32
FAULTLAB_BUILDS += $(FAULTLAB_32)
FAULTLAB_MISSING :=
FAULTLAB_TOOLS += /usr/lib32/crt1.o:libc6-dev-i386 \
    /usr/lib/gcc/x86_64-linux-gnu/$(shell gcc -dumpversion 2>/dev/null)/32/libgcc.a:lib32gcc-$(shell gcc -dumpversion 2>/dev/null)-dev
endif

.PHONY: faultlab faultlab-tools test-faultlab
faultlab-tools:
	$(call need,gcc:gcc $(FAULTLAB_TOOLS))

$(FL)/lab64 $(FL)/lab32: $(FL)/lab%: $(FAULTLAB_SRC) $(FAULTLAB_HDR) tests/faultlab/faultlab.mk | faultlab-tools
	@mkdir -p $(@D)
	@gcc $(FAULTLAB_FLAGS) $(FAULTLAB_M$*) -o $@ $(FAULTLAB_SRC) -ldl -lpthread

# The core that a build is made of, and the file that knows its words.
faultlab-core = $(if $(filter $(1),$(FAULTLAB_SMALL)),tests/faultlab/words_small.c $(SMALL_SRC),tests/faultlab/words_large.c $(CORE_SRC))

$(FAULTLAB_64:%=$(FL)/%.so) $(FAULTLAB_32:%=$(FL)/%.so): $(FL)/%.so: $(wildcard tests/faultlab/freehold.c tests/faultlab/words*) $(FAULTLAB_HDR) \
    $(CORE_SRC) $(CORE_HDR) $(SMALL_SRC) $(SMALL_HDR) tests/faultlab/faultlab.mk | faultlab-tools
	@mkdir -p $(@D)
	@gcc -std=c11 -O2 -g $(filter-out -Wpedantic,$(WARN)) -fPIC -shared -fno-strict-aliasing -Wl,-Bsymbolic -Iinclude \
	    $(faultlab-flags-$*) -o $@ tests/faultlab/freehold.c $(call faultlab-core,$*)

$(FL)/system.so: tests/faultlab/system.c $(FAULTLAB_HDR) tests/faultlab/faultlab.mk | faultlab-tools
	@mkdir -p $(@D)
	@gcc $(FAULTLAB_FLAGS) -fPIC -shared -o $@ $<

# A run: $(FL)/BUILD-64K.tsv, -1G.tsv. The lab of that build's width is the second word of its name.
FAULTLAB_LABS := $(FAULTLAB_BITS:%=$(FL)/lab%)
faultlab-lab-64 := $(FL)/lab64
faultlab-lab-32 := $(RUN_I386) $(FL)/lab32 $(RUN_I386:%=--patience 100)
faultlab-lab = $(faultlab-lab-$(word 2,$(subst -, ,$(1))))

$(FL)/%-64K.tsv: $(FL)/%.so $(FAULTLAB_LABS)
	$(call need,$(RUN_I386:%=%:qemu-user))
	@echo "faultlab: $* in 64 KiB, $(FAULTLAB_TRIALS) trials a class"
	@$(call faultlab-lab,$*) $< --trials $(FAULTLAB_TRIALS) >$@

FAULTLAB_DEFAULT := freehold-64-16 freehold-32-8
faultlab-large = $(if $(filter $(1),$(FAULTLAB_DEFAULT)),$(FAULTLAB_TRIALS),$(FAULTLAB_FEWER))
faultlab-sparse = $(if $(filter $(1),$(FAULTLAB_DEFAULT)),1,$(FAULTLAB_SPARSE))

$(FL)/%-1G.tsv: $(FL)/%.so $(FAULTLAB_LABS)
	$(call need,$(RUN_I386:%=%:qemu-user))
	@echo "faultlab: $* in 1 GiB, $(call faultlab-large,$*) trials a class, of three classes one in $(call faultlab-sparse,$*)"
	@$(call faultlab-lab,$*) $< --heap 0x40000000 --trials $(call faultlab-large,$*) --sparse $(call faultlab-sparse,$*) >$@

# The others: the process's malloc, another one put in its place. LAB_TAG and LAB_LINK say where its words are, for those that
# keep them beside the payloads.
FAULTLAB_OTHERS := glibc jemalloc mimalloc tcmalloc scudo
FAULTLAB_LIB := /usr/lib/x86_64-linux-gnu
FAULTLAB_SCUDO = $(firstword $(wildcard /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.scudo_standalone-x86_64.so))
faultlab-env-glibc := LAB_TAG=8 LAB_LINK=16
faultlab-env-jemalloc := LD_PRELOAD=$(FAULTLAB_LIB)/libjemalloc.so.2
faultlab-env-mimalloc := LAB_LINK=8 LD_PRELOAD=$(FAULTLAB_LIB)/libmimalloc.so.2.0
faultlab-env-tcmalloc := LAB_LINK=8 LD_PRELOAD=$(FAULTLAB_LIB)/libtcmalloc_minimal.so.4
faultlab-env-scudo = LAB_TAG=16 LD_PRELOAD=$(FAULTLAB_SCUDO)

.PHONY: faultlab-others
faultlab-others:
	$(call need,$(FAULTLAB_LIB)/libjemalloc.so.2:libjemalloc2 $(FAULTLAB_LIB)/libmimalloc.so.2.0:libmimalloc2.0 \
	    $(FAULTLAB_LIB)/libtcmalloc_minimal.so.4:libtcmalloc-minimal4 \
	    /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.scudo_standalone-x86_64.so:libclang-rt-14-dev)

$(FAULTLAB_OTHERS:%=$(FL)/other-%.tsv): $(FL)/other-%.tsv: $(FL)/system.so $(FL)/lab64 | faultlab-others
	@echo "faultlab: $*, $(FAULTLAB_PEERS) trials a class"
	@env LAB_NAME=$* $(faultlab-env-$*) $(FL)/lab64 $< --trials $(FAULTLAB_PEERS) >$@

FAULTLAB_FULL := $(FAULTLAB_BUILDS:%=$(FL)/%-64K.tsv) $(patsubst %,$(FL)/%-1G.tsv,$(filter-out $(FAULTLAB_SMALL),$(FAULTLAB_BUILDS)))
faultlab: $(FAULTLAB_FULL) $(FAULTLAB_OTHERS:%=$(FL)/other-%.tsv)  ## damage heaps in every way, freehold's and others'; tables in build/faultlab
	@cat $^ | awk -v form=markdown -f tests/faultlab/table.awk >$(FL)/table.md
	@cat $^ | awk -v form=text -f tests/faultlab/table.awk | tee $(FL)/table.txt
	@cat $(FL)/freehold-64-16-64K.tsv $(FL)/cache-64-16-64K.tsv $(FAULTLAB_OTHERS:%=$(FL)/other-%.tsv) \
	    | awk -f tests/faultlab/compare.awk >$(FL)/compare.md
ifeq ($(PUBLISH),1)
	@{ cat $(FL)/compare.md; echo; echo 'Made by `make faultlab PUBLISH=1`.'; } >tests/faultlab/compare.md
endif
	@cat $(FAULTLAB_FULL) | awk -f tests/faultlab/judge.awk >$(FL)/verdicts
	@! grep -q '^fail ' $(FL)/verdicts

# The short run: each class in each build, then one trial of each that goes on for a million calls; then the same trials one after the other
# in one process and each in its own, which must not differ in a word. The tally names what is wrong. A minute of processor time at
# most, half of it on the clock.
FAULTLAB_TESTED := $(if $(RUN_I386),$(FAULTLAB_64),$(FAULTLAB_BUILDS))
FAULTLAB_UNTESTED := $(if $(RUN_I386),skip 32-bit this machine runs no i386 but under QEMU; make faultlab does so,$(FAULTLAB_MISSING))
SUITES += faultlab
test-faultlab: $(FAULTLAB_TESTED:%=$(FL)/%.so) $(if $(RUN_I386),$(FL)/lab64,$(FAULTLAB_LABS))  ## a short run of the fault lab against what freehold promises
	@mkdir -p $(B)/tally
	@for build in $(FAULTLAB_TESTED); do \
	    bits=$${build#*-}; bits=$${bits%%-*}; \
	    $(FL)/lab$$bits $(FL)/$$build.so --trials $(FAULTLAB_SHORT) --seed $(or $(SEED),1) || echo "stopped"; \
	    case $$build in small-*) continue ;; esac; \
	    $(FL)/lab$$bits $(FL)/$$build.so --trials 2 --heap 0x40000000 --seed $(or $(SEED),1) || echo "stopped"; \
	done >$(FL)/short.tsv
	@$(FL)/lab64 $(FL)/freehold-64-16.so --trials 1 --ops 1000000 --seed $(or $(SEED),1) >$(FL)/million.tsv || echo "stopped" >>$(FL)/short.tsv
	@{ awk -f tests/faultlab/judge.awk $(FL)/short.tsv; awk -v after=1000000 -f tests/faultlab/judge.awk $(FL)/million.tsv; printf '%s\n' "$(FAULTLAB_UNTESTED)" | sed '/^$$/d'; } >$(B)/tally/faultlab
	@for build in $(FAULTLAB_TESTED); do \
	    bits=$${build#*-}; bits=$${bits%%-*}; \
	    for how in --verbose --apart; do \
	        $(FL)/lab$$bits $(FL)/$$build.so --trials 4 --seed $(or $(SEED),1) --workers 1 --verbose $$how >$(FL)/lines$$how; \
	    done; \
	    cmp -s $(FL)/lines--verbose $(FL)/lines--apart && echo "pass $$build/trials-are-independent" || echo "fail $$build/trials-are-independent"; \
	done >>$(B)/tally/faultlab
	@grep -q stopped $(FL)/short.tsv && echo "fail the lab ran to its end" >>$(B)/tally/faultlab || true
