# SPDX-License-Identifier: MIT
# AVR: pointers and size_t of 16 bits, 16 KiB of RAM, an ATmega1284P in simavr. By gcc alone: ld.lld does not link it.
#
# Constants and texts lie in RAM here, so the heap is what is left: it must be 8 KiB for the workload.
ARCHES += avr
avr_SRC := qemu/avr/boot.S qemu/avr/arch.c qemu/no_nmi.c $(KERNEL_STATIC) $(KERNEL_ONE_CORE)
avr_LINK := qemu/avr/link.ld
avr_GCC := avr-gcc
avr_GCC_PACKAGE := gcc-avr
# Comparisons that 16 bits decide by themselves are not mistakes, nor are counts of granules (32 bits) that become sizes: all of memory is
# 8192 granules.
avr_FLAGS := -mmcu=atmega1284p -DFH_GRANULE=8 -Wno-type-limits -Wno-conversion
avr_GCC_LINK := avr-gcc -mmcu=atmega1284p -nostdlib -Xlinker --gc-sections
avr_LIBS := -lgcc
avr_RUN := sh qemu/avr/simavr.sh
avr_TOOL := simavr
avr_PACKAGE := simavr
avr_PASSED := 33
avr_LIMIT := 400
