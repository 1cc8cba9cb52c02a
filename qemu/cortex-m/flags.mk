# SPDX-License-Identifier: MIT
# Cortex-M: microcontrollers with a heap between linker symbols. cortex-m0 is a BBC micro:bit with 16 KiB of RAM in all,
# cortex-m0-small the same with the small core.
ARCHES += cortex-m0 cortex-m0-small cortex-m3 cortex-m4 cortex-m7 cortex-m33

# $(1): core, $(2): clang's architecture, $(3): QEMU's machine, $(4): linker script, $(5): serial port, $(6): flags,
# $(7): what is behind that in the image's name, $(8): which KERNEL_STATIC it takes
define CORTEX_M
cortex-$(1)$(7)_SRC := qemu/cortex-m/boot.c qemu/no_nmi.c qemu/cortex-m/$(5).c qemu/cortex-m/name.c qemu/cortex-m/aeabi.c $$(KERNEL_STATIC$(8)) $$(KERNEL_ONE_CORE)
cortex-$(1)$(7)_LINK := qemu/cortex-m/$(4).ld
cortex-$(1)$(7)_CLANG := --target=$(2)-none-eabi
cortex-$(1)$(7)_GCC := arm-none-eabi-gcc
cortex-$(1)$(7)_GCC_PACKAGE := gcc-arm-none-eabi
cortex-$(1)$(7)_FLAGS := -mcpu=cortex-$(1) -mthumb -mfloat-abi=soft -DBOARD_NAME='"cortex-$(1)$(7)"' -DBOARD='"$(3)"' $(6)
cortex-$(1)$(7)_RUN := qemu-system-arm -M $(3) -semihosting-config enable=on,target=native
cortex-$(1)$(7)_PACKAGE := qemu-system-arm
cortex-$(1)$(7)_PASSED := 0
endef
$(eval $(call CORTEX_M,m0,thumbv6m,microbit,microbit,uart_nrf))
$(eval $(call CORTEX_M,m0,thumbv6m,microbit,microbit,uart_nrf,,-small,_SMALL))
cortex-m0-small_CORE := $(SMALL_SRC)
$(eval $(call CORTEX_M,m3,thumbv7m,mps2-an385,mps2,uart_cmsdk,-DUART_ADDRESS=0x40004000))
$(eval $(call CORTEX_M,m4,thumbv7em,mps2-an386,mps2,uart_cmsdk,-DUART_ADDRESS=0x40004000))
$(eval $(call CORTEX_M,m7,thumbv7em,mps2-an500,mps2,uart_cmsdk,-DUART_ADDRESS=0x40004000))
$(eval $(call CORTEX_M,m33,thumbv8m.main,mps2-an505,an505,uart_cmsdk,-DUART_ADDRESS=0x50200000))
