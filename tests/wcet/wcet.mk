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

wcet_machine_m0-gcc := cortexm
wcet_machine_m4-gcc := cortexm
wcet_cc_m0-gcc := arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -mfloat-abi=soft
wcet_cc_m4-gcc := arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
wcet_ld_cortexm := arm-none-eabi-ld -T tests/wcet/cortexm.ld
wcet_qemu_cortexm := qemu-system-arm -M mps2-an386 -semihosting-config enable=on,target=native
wcet_qemu := -kernel IMAGE -display none -serial stdio -monitor none -no-reboot -nic none

WCET_MACHINES := m0-gcc m4-gcc
MACHINES ?= $(WCET_MACHINES)

.PHONY: wcet-tools
wcet-tools:
	$(call need,qemu-system-arm:qemu-system-arm arm-none-eabi-gcc:gcc-arm-none-eabi cc:gcc readelf:binutils)

$(B)/wcet/count.so: tests/wcet/count.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(WARN) -O2 -fPIC -shared -fvisibility=hidden $< -o $@

define wcet_rules
$(B)/wcet/$(1).elf: $(CORE_SRC) $(CORE_HDR) tests/wcet/sequences.c tests/wcet/board.h $$(wildcard tests/wcet/$(wcet_machine_$(1)).*) | wcet-tools
	@rm -rf $(B)/wcet/$(1) && mkdir -p $(B)/wcet/$(1)
	@set -e; for f in $(CORE_SRC); do $(wcet_cc_$(1)) $(CORE_CFLAGS) $(WCET_OPT) -c $$$$f -o $(B)/wcet/$(1)/`basename $$$$f .c`.o; done
	@set -e; for f in sequences $(wcet_machine_$(1)); do \
	    $(wcet_cc_$(1)) $(CORE_CFLAGS) -O2 -fno-optimize-sibling-calls $(WARN) -Wno-pedantic -c tests/wcet/$$$$f.c -o $(B)/wcet/$(1)/$$$$f.o; done
	@$(wcet_ld_$(wcet_machine_$(1))) --gc-sections $(B)/wcet/$(1)/*.o -o $$@

$(B)/wcet/$(1).txt: $(B)/wcet/$(1).elf $(B)/wcet/count.so tests/wcet/run.sh
	@sh tests/wcet/run.sh $$< $(B)/wcet/count.so $$@ $(wcet_qemu_$(wcet_machine_$(1))) $(wcet_qemu)
endef
$(foreach m,$(WCET_MACHINES),$(eval $(call wcet_rules,$(m))))

.PHONY: cost
cost: $(B)/size/m0-gcc.rows $(B)/wcet/m4-gcc.txt  ## what tuning the core needs: Cortex-M0 bytes by function, Cortex-M4 instructions by call
	@{ awk -f tests/size/breakdown.awk $(B)/size/m0-gcc.rows; \
	   awk -f tests/wcet/worst.awk $(B)/wcet/m4-gcc.txt.symbols $(B)/wcet/m4-gcc.txt; \
	   awk -v title=m4-gcc -f tests/wcet/table.awk $(B)/wcet/m4-gcc.txt; } >$(B)/cost.txt; cat $(B)/cost.txt
