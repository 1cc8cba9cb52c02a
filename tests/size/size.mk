# SPDX-License-Identifier: MIT
#
# size.mk - the exact size of the code.
#
#   make size                 the table for every target in tests/size/targets, against the limits
#   make size TARGETS=m0-gcc  for some of them
#   make cost                 Cortex-M0 bytes function by function, and Cortex-M4 instructions per call: what to look at while
#                             the core is being tuned

SIZE_TARGETS := $(shell awk '!/^\#/ { print $$1 }' tests/size/targets)
TARGETS ?= $(SIZE_TARGETS)
SIZE_SELF := tests/size/targets tests/size/measure.sh tests/size/stack.awk tests/size/link.ld

.PHONY: size-tools
size-tools:
	$(call need,arm-none-eabi-gcc:gcc-arm-none-eabi riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf x86_64-linux-gnu-gcc:gcc clang:clang ld.lld:lld readelf:binutils)

$(SIZE_TARGETS:%=$(B)/size/%.rows): $(B)/size/%.rows: $(SIZE_SELF) $(CORE_SRC) $(CORE_HDR) | size-tools
	@CORE_SRC='$(CORE_SRC)' CORE_CFLAGS='$(CORE_CFLAGS)' sh tests/size/measure.sh $* $(B)/size/$*
