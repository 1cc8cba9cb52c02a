# SPDX-License-Identifier: MIT
# i386: a PC with four cores and without paging, by Multiboot 1; run by the 64-bit emulator too.
ARCHES += i386
i386_SRC := qemu/i386/boot.S qemu/i386/arch.c qemu/pc/pc.c qemu/pc/multiboot.c qemu/pc/apic.c qemu/pc/nmi.c $(KERNEL_CORES) $(KERNEL_FRAMES)
i386_LINK := qemu/pc/link.ld
i386_CLANG := --target=i686-unknown-none-elf
i386_GCC := $(if $(filter x86_64% i%86,$(HOST)),gcc)
i386_FLAGS := -m32 -march=i686 -mgeneral-regs-only
i386_RUN := qemu-system-x86_64 -M pc -m 64 -smp 4 -device isa-debug-exit,iobase=0xf4,iosize=4
i386_PACKAGE := qemu-system-x86
i386_PASSED := 33
