# SPDX-License-Identifier: MIT
# RISC-V with 32 and 64 bits: QEMU's virt with four harts in machine mode, memory from the device tree.
ARCHES += rv64 rv32

# $(1): width, $(2): ABI
define RISCV
rv$(1)_SRC := qemu/riscv/boot.S qemu/riscv/arch.c qemu/no_nmi.c qemu/fdt.c $(KERNEL_CORES) $$(KERNEL_FRAMES)
rv$(1)_LINK := qemu/riscv/link.ld
rv$(1)_CLANG := --target=riscv$(1)-unknown-elf -march=rv$(1)imac -mno-relax
rv$(1)_GCC := riscv64-unknown-elf-gcc
rv$(1)_GCC_PACKAGE := gcc-riscv64-unknown-elf
rv$(1)_GCC_FLAGS := -march=rv$(1)imac_zicsr_zifencei
rv$(1)_FLAGS := -mabi=$(2) -mcmodel=medany -DARCH_NAME='"rv$(1)"' -DFH_SPIN_WAIT=riscv_wait
rv$(1)_RUN := qemu-system-riscv$(1) -M virt -bios none -m 64 -smp 4
rv$(1)_PACKAGE := qemu-system-misc
rv$(1)_PASSED := 0
endef
$(eval $(call RISCV,32,ilp32))
$(eval $(call RISCV,64,lp64))
