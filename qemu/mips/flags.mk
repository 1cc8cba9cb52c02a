# SPDX-License-Identifier: MIT
# MIPS32, big-endian: QEMU's malta. Debian has no bare-metal gcc for it.
ARCHES += mips
mips_SRC := qemu/mips/boot.S qemu/mips/arch.c qemu/no_nmi.c $(KERNEL_ONE_CORE) $(KERNEL_FRAMES)
mips_LINK := qemu/mips/link.ld
mips_CLANG := --target=mips-unknown-elf
mips_FLAGS := -mips32r2 -mabi=32 -mno-abicalls -G0 -msoft-float
mips_RUN := qemu-system-mips -M malta -vga none -m 64 -semihosting-config enable=on,target=native
mips_PACKAGE := qemu-system-mips
mips_PASSED := 0
