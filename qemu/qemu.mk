# SPDX-License-Identifier: MIT
#
# The kernel images: `make run`, `make qemu`, `make qemu-ARCH`. Each architecture's folder has a flags.mk with
#
#   ARCH_SRC      what it adds to the kernel         ARCH_LINK   its linker script
#   ARCH_CLANG    clang's name for it                ARCH_GCC    the bare-metal gcc, empty if there is none; and
#   ARCH_GCC_FLAGS, ARCH_FLAGS  for gcc, for both    ARCH_GCC_PACKAGE
#   ARCH_RUN      the QEMU command without -kernel   ARCH_PACKAGE  where that is found
#   ARCH_PASSED   QEMU's exit status for a pass
# and where it is not as for the others: ARCH_CORE, the core, if it is the small one; ARCH_GCC_LINK, how gcc links; ARCH_LIBS, what comes last; ARCH_TOOL, the command that must be
# there for ARCH_RUN; ARCH_LIMIT, the seconds that it may take. Without ARCH_CLANG only gcc builds it.
#
# An image is named ARCH-TOOL. SEED=n runs the workload with another seed, hosted and in the kernel.

HOST := $(shell uname -m)
SEED ?= 1

KERNEL_SRC := qemu/show_stress.c qemu/show_interrupts.c qemu/show_heap.c qemu/show_misuse.c qemu/main.c qemu/text.c qemu/mem.c tests/stress/stress.c
KERNEL_FRAMES := qemu/memory_frames.c qemu/frame.c port/frames/frames.c
KERNEL_STATIC_UNCACHED := qemu/memory_static.c port/static/array.c port/static/linked.c
KERNEL_STATIC := $(KERNEL_STATIC_UNCACHED) qemu/caches_static.c
KERNEL_STATIC_SMALL := $(KERNEL_STATIC_UNCACHED) qemu/no_caches.c
KERNEL_CORES := qemu/lock_cores.c qemu/show_cores.c
KERNEL_ONE_CORE := qemu/lock_core.c qemu/no_cores.c
KERNEL_HDR := $(CORE_HDR) $(SMALL_HDR) $(wildcard qemu/*.h qemu/*/*.h port/*/*.h tests/stress/*.h)
KERNEL_CFLAGS := -std=c11 -O2 -g -ffreestanding -fno-builtin -fno-strict-aliasing -fno-pic -fno-pie -fno-stack-protector \
    -fno-unwind-tables -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -Iinclude -Iport $(WARN)
KERNEL_LDFLAGS := --gc-sections --build-id=none -z max-page-size=4096 -z noexecstack -static

ARCHES :=
include $(wildcard qemu/*/flags.mk)

# What make run takes: the compiler that is there, gcc first, for a machine that needs nothing else.
RUN_TOOL := $(if $(x86_64_GCC),$(if $(shell command -v gcc),gcc,$(if $(shell command -v ld.lld),clang,gcc)),clang)

# A file that says yes if the tools are there or could be installed, and is empty otherwise; it changes only when that does.
have = mkdir -p $(@D); if sh tests/tools/need.sh $(1); then echo yes; fi >$@.new; \
    if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

.PHONY: FORCE
FORCE:

$(B)/qemu/have-clang: FORCE
	@$(call have,$(CLANG):clang ld.lld:lld)

$(B)/qemu/seed: FORCE
	@mkdir -p $(@D); echo $(SEED) >$@.new; if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

# $(1): architecture, $(2): tool, $(3): compiler and its own flags, $(4): linker
define KERNEL
$(B)/qemu/$(1)-$(2)/%.o: % $(KERNEL_HDR) $(B)/qemu/have-$(2:gcc=$(1)-gcc) $(B)/qemu/seed qemu/qemu.mk
	@mkdir -p $$(@D)
	@if [ -s $(B)/qemu/have-$(2:gcc=$(1)-gcc) ]; then $(3) $$(KERNEL_CFLAGS) $(if $(filter clang,$(2)),-Wno-unused-command-line-argument) $$($(1)_FLAGS) -DSTRESS_SEED=$$(SEED) -c $$< -o $$@; else : >$$@; fi

$(B)/qemu/$(1)-$(2).elf: $$(patsubst %,$(B)/qemu/$(1)-$(2)/%.o,$$(KERNEL_SRC) $$(or $$($(1)_CORE),$$(CORE_SRC)) $$($(1)_SRC)) $$($(1)_LINK)
	@if [ -s $(B)/qemu/have-$(2:gcc=$(1)-gcc) ]; then $(4) -T $$($(1)_LINK) $$(filter %.o,$$^) $$($(1)_LIBS) -o $$@; else : >$$@; fi

# Ends well even if the kernel fails: the tally tells.
.PHONY: boot-$(1)-$(2)
boot-$(1)-$(2): $(B)/qemu/$(1)-$(2).elf $(B)/qemu/have-$(1) $(B)/stress/digests
	@$(if $($(1)_LIMIT),LIMIT=$($(1)_LIMIT)) sh qemu/run.sh -q $(1)-$(2) $$($(1)_PASSED) $(B) $$($(1)_RUN)
BOOTS += $(1)-$(2)
endef

comma := ,
define ARCH
$(B)/qemu/have-$(1): FORCE
	@$$(call have,$(or $($(1)_TOOL),$(firstword $($(1)_RUN))):$($(1)_PACKAGE))
$(B)/qemu/have-$(1)-gcc: FORCE
	@$$(call have,$($(1)_GCC):$(or $($(1)_GCC_PACKAGE),$($(1)_GCC)))
$(if $($(1)_CLANG),$(call KERNEL,$(1),clang,$(CLANG) $($(1)_CLANG),ld.lld $(KERNEL_LDFLAGS)))
$(if $($(1)_GCC),$(call KERNEL,$(1),gcc,$($(1)_GCC) $($(1)_GCC_FLAGS),$(or $($(1)_GCC_LINK),$($(1)_GCC) $($(1)_GCC_FLAGS) $$($(1)_FLAGS) -nostdlib -no-pie $(KERNEL_LDFLAGS:%=-Xlinker %) -Xlinker --no-warn-rwx-segments)))

.PHONY: qemu-$(1)
qemu-$(1): $(B)/qemu/$(1)-$(if $($(1)_CLANG),clang,gcc).elf $(B)/qemu/have-$(1) $(B)/stress/digests
	@$(if $($(1)_LIMIT),LIMIT=$($(1)_LIMIT)) sh qemu/run.sh -v $(1)-$(if $($(1)_CLANG),clang,gcc) $$($(1)_PASSED) $(B) $$($(1)_RUN)
endef

BOOTS :=
$(foreach a,$(ARCHES),$(eval $(call ARCH,$(a))))

.PHONY: run
run: $(B)/qemu/x86_64-$(RUN_TOOL).elf $(B)/qemu/have-x86_64 $(B)/stress/digests  ## boot the kernel on freehold under QEMU, x86_64
	@sh qemu/run.sh -v x86_64-$(RUN_TOOL) $(x86_64_PASSED) $(B) $(x86_64_RUN)

.PHONY: qemu
qemu: $(BOOTS:%=boot-%)  ## boot the kernel on every architecture; qemu-ARCH shows one
	@mkdir -p $(B)/tally; cat $(BOOTS:%=$(B)/qemu/%.result) >$(B)/tally/qemu-all; sh tests/tools/tally.sh $(B)/tally qemu-all

# With a host thread for each core they really run at once, as far as the host has processors to give. Not part of make test: on a
# busy host it may take minutes instead of seconds.
THREADED := x86_64 aarch64 rv64
.PHONY: qemu-threads
qemu-threads: $(foreach a,$(THREADED),$(B)/qemu/$(a)-clang.elf $(B)/qemu/have-$(a)) $(B)/stress/digests  ## boot the images of several cores with a thread of this machine for each core
	@status=0; $(foreach a,$(THREADED),QEMU_THREADS=multi LIMIT=900 sh qemu/run.sh -v $(a)-clang $($(a)_PASSED) $(B) $($(a)_RUN) || status=$$?;) exit $$status

SUITES += qemu
.PHONY: test-qemu
test-qemu: $(BOOTS:%=boot-%)
	@mkdir -p $(B)/tally; { cat $(BOOTS:%=$(B)/qemu/%.result); sh qemu/judge.sh $(B); } >$(B)/tally/qemu
