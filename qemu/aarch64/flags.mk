# SPDX-License-Identifier: MIT
# AArch64 in both byte orders: QEMU's virt with four cores, memory from the device tree. Debian has no bare-metal gcc for it.
ARCHES += aarch64 aarch64-be

# $(1): name, $(2): clang's architecture
define AARCH64
$(1)_SRC := qemu/aarch64/boot.S qemu/aarch64/arch.c qemu/no_nmi.c qemu/virt-arm/virt.c qemu/fdt.c $(KERNEL_CORES) $$(KERNEL_FRAMES)
$(1)_LINK := qemu/virt-arm/link.ld
$(1)_CLANG := --target=$(2)-none-elf
$(1)_FLAGS := -mstrict-align -mgeneral-regs-only -DARCH_NAME='"$(1)"'
$(1)_RUN := qemu-system-aarch64 -M virt -cpu cortex-a57 -m 64 -smp 4 -semihosting-config enable=on,target=native
$(1)_PACKAGE := qemu-system-arm
$(1)_PASSED := 0
endef
$(eval $(call AARCH64,aarch64,aarch64))
$(eval $(call AARCH64,aarch64-be,aarch64_be))
