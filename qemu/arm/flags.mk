# SPDX-License-Identifier: MIT
# AArch32: QEMU's virt with four cores, memory from the device tree.
ARCHES += arm
arm_SRC := qemu/arm/boot.S qemu/arm/arch.c qemu/no_nmi.c qemu/virt-arm/virt.c qemu/fdt.c qemu/cortex-m/aeabi.c $(KERNEL_CORES) $(KERNEL_FRAMES)
arm_LINK := qemu/virt-arm/link.ld
arm_CLANG := --target=armv7a-none-eabi
arm_GCC := arm-none-eabi-gcc
arm_GCC_PACKAGE := gcc-arm-none-eabi
arm_FLAGS := -mcpu=cortex-a15 -marm -mfloat-abi=soft -mno-unaligned-access
arm_RUN := qemu-system-arm -M virt -cpu cortex-a15 -m 64 -smp 4 -semihosting-config enable=on,target=native
arm_PACKAGE := qemu-system-arm
arm_PASSED := 0
