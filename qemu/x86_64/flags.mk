# SPDX-License-Identifier: MIT
# x86_64: a PC with four cores, by Multiboot 1.
ARCHES += x86_64
x86_64_SRC := qemu/x86_64/boot.S qemu/x86_64/arch.c qemu/pc/pc.c qemu/pc/multiboot.c qemu/pc/apic.c qemu/pc/nmi.c $(KERNEL_CORES) $(KERNEL_FRAMES)
x86_64_LINK := qemu/pc/link.ld
x86_64_CLANG := --target=x86_64-unknown-none-elf
x86_64_GCC := $(if $(filter x86_64%,$(HOST)),gcc)
x86_64_FLAGS := -m64 -mno-red-zone -mgeneral-regs-only
x86_64_RUN := qemu-system-x86_64 -M pc -m 64 -smp 4 -device isa-debug-exit,iobase=0xf4,iosize=4
x86_64_PACKAGE := qemu-system-x86
x86_64_PASSED := 33
