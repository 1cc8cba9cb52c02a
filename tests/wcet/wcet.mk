# SPDX-License-Identifier: MIT
#
# wcet.mk - the exact number of instructions of each call, under QEMU.
#
#   make wcet                      the tables and plots of all machines
#   make wcet MACHINES=m4-gcc      of some
#   make cost                      Cortex-M0 bytes function by function, and Cortex-M4 instructions with the dearest call
#                                  taken apart: what to look at while the core is being tuned. Everything it prints:
#                                  build/cost.txt

WCET_OPT ?= -O2

# A machine is a chip and a compiler. BOARD has board.c and board.ld in this folder; code for a Cortex-M0 runs on a Cortex-M4.
wcet_board_m0-gcc := cortexm
wcet_board_m4-gcc := cortexm
wcet_board_rv32-gcc := riscv
wcet_board_x86-64-gcc := x86-64
wcet_cc_m0-gcc := arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -mfloat-abi=soft
wcet_cc_m4-gcc := arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
wcet_cc_rv32-gcc := riscv64-unknown-elf-gcc -march=rv32imac_zicsr -mabi=ilp32
wcet_cc_x86-64-gcc := x86_64-linux-gnu-gcc -m64 -mno-red-zone -mgeneral-regs-only -fcf-protection=none -fno-pic -fno-pie -fno-stack-protector
wcet_ld_cortexm := arm-none-eabi-ld
wcet_ld_riscv := riscv64-unknown-elf-ld -m elf32lriscv
wcet_ld_x86-64 := x86_64-linux-gnu-ld -m elf_x86_64 -z max-page-size=4096 --build-id=none
wcet_qemu_cortexm := qemu-system-arm -M mps2-an386 -semihosting-config enable=on,target=native
wcet_qemu_riscv := qemu-system-riscv32 -M virt -bios none -m 64
wcet_qemu_x86-64 := qemu-system-x86_64 -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1
wcet_qemu := -kernel IMAGE -display none -serial stdio -monitor none -no-reboot -nic none
wcet_status_x86-64 := 33

WCET_MACHINES := m0-gcc m4-gcc rv32-gcc x86-64-gcc
MACHINES ?= $(WCET_MACHINES)

.PHONY: wcet-tools
wcet-tools:
	$(call need,qemu-system-arm:qemu-system-arm qemu-system-riscv32:qemu-system-misc qemu-system-x86_64:qemu-system-x86 arm-none-eabi-gcc:gcc-arm-none-eabi riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf x86_64-linux-gnu-gcc:gcc readelf:binutils)

# Programs whose traces fit beside the image on the smallest machine.
WCET_TRACES := $(wildcard $(patsubst %,tests/traces/%.fht.xz,cc1 lua sqlite))

$(B)/wcet/traces: $(WCET_TRACES)
	$(call need,xz:xz-utils)
	@mkdir -p $(@D)
	@xz -dc $^ >$@

$(B)/wcet/count.so: tests/wcet/count.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(WARN) -O2 -fPIC -shared -fvisibility=hidden $< -o $@

define wcet_rules
$(B)/wcet/$(1).elf: $(CORE_SRC) $(CORE_HDR) tests/wcet/sequences.c tests/wcet/board.h $$(wildcard tests/wcet/$(wcet_board_$(1)).*) | wcet-tools
	@rm -rf $(B)/wcet/$(1) && mkdir -p $(B)/wcet/$(1)
	@set -e; for f in $(CORE_SRC); do $(wcet_cc_$(1)) $(CORE_CFLAGS) $(WCET_OPT) -c $$$$f -o $(B)/wcet/$(1)/`basename $$$$f .c`.o; done
	@set -e; for f in sequences $(wcet_board_$(1)); do \
	    $(wcet_cc_$(1)) $(CORE_CFLAGS) -O2 -fno-optimize-sibling-calls $(WARN) -Wno-pedantic -c tests/wcet/$$$$f.c -o $(B)/wcet/$(1)/$$$$f.o; done
	@$(wcet_ld_$(wcet_board_$(1))) -T tests/wcet/$(wcet_board_$(1)).ld --gc-sections $(B)/wcet/$(1)/*.o -o $$@

$(B)/wcet/$(1).txt: $(B)/wcet/$(1).elf $(B)/wcet/count.so $(B)/wcet/traces tests/wcet/run.sh
	@PASS_STATUS=$(wcet_status_$(wcet_board_$(1))) sh tests/wcet/run.sh $$< $(B)/wcet/count.so $(B)/wcet/traces $$@ $(wcet_qemu_$(wcet_board_$(1))) $(wcet_qemu)
endef
$(foreach m,$(WCET_MACHINES),$(eval $(call wcet_rules,$(m))))

.PHONY: cost
cost: $(B)/size/m0-gcc.rows $(B)/wcet/m4-gcc.txt  ## what tuning the core needs: Cortex-M0 bytes by function, Cortex-M4 instructions by call
	@{ awk -f tests/size/breakdown.awk $(B)/size/m0-gcc.rows; \
	   awk -f tests/wcet/worst.awk $(B)/wcet/m4-gcc.txt.symbols $(B)/wcet/m4-gcc.txt $(B)/wcet/m4-gcc.txt; \
	   awk -v title=m4-gcc -f tests/wcet/table.awk $(B)/wcet/m4-gcc.txt; } >$(B)/cost.txt; cat $(B)/cost.txt
