# SPDX-License-Identifier: MIT
#
# How the core may be built, and what it may know: the order of includes, every compiler that is installed, no symbol from
# elsewhere, no function that calls itself, the public header in C and C++; the small core likewise. Compilers for other machines are used when they are
# there; clang knows most machines by itself.

BUILD_DIR := $(B)/check-build
BUILD_SCRIPTS := $(wildcard tests/build/*.sh tests/build/fixtures/*)

# build-NAME: the compiler with its flags; buildtools-NAME: what reads its objects, where that is not nm and objdump.
build-gcc = $(GCC)
build-gcc-m32 = $(GCC) -m32
build-clang = $(CLANG)
build-clang-m32 = $(CLANG) -m32
build-gcc-single-list = $(GCC) -DFH_SINGLE_LIST
build-gcc-debug = $(GCC) -DFH_DEBUG
build-gcc-granule-8 = $(GCC) -DFH_GRANULE=8
BUILDS := gcc gcc-m32 clang clang-m32 gcc-single-list gcc-debug gcc-granule-8

BUILD_CLANG = $(CLANG) -fno-stack-protector
build-thumbv6m = $(BUILD_CLANG) --target=thumbv6m-none-eabi -mcpu=cortex-m0
build-thumbv7m = $(BUILD_CLANG) --target=thumbv7m-none-eabi
build-thumbv8m = $(BUILD_CLANG) --target=thumbv8m.main-none-eabi -mcpu=cortex-m33
build-armv7a = $(BUILD_CLANG) --target=armv7a-none-eabi -marm -mno-unaligned-access
build-aarch64 = $(BUILD_CLANG) --target=aarch64-none-elf -mgeneral-regs-only
build-aarch64_be = $(BUILD_CLANG) --target=aarch64_be-none-elf -mstrict-align -mgeneral-regs-only
build-riscv64 = $(BUILD_CLANG) --target=riscv64-unknown-elf -march=rv64imac -mabi=lp64 -mno-relax
build-riscv32 = $(BUILD_CLANG) --target=riscv32-unknown-elf -march=rv32imac -mabi=ilp32 -mno-relax
build-mips = $(BUILD_CLANG) --target=mips-unknown-elf -mips32r2 -mabi=32 -mno-abicalls -fno-pic -G0 -msoft-float
build-powerpc = $(BUILD_CLANG) --target=powerpc-unknown-elf -msoft-float
build-s390x = $(BUILD_CLANG) --target=s390x-unknown-elf
BUILDS_BY_CLANG := thumbv6m thumbv7m thumbv8m armv7a aarch64 aarch64_be riscv64 riscv32 mips powerpc s390x
$(foreach b,$(BUILDS_BY_CLANG),$(eval buildtools-$(b) = OBJDUMP=none))
BUILDS += $(BUILDS_BY_CLANG)

build-arm-gcc = arm-none-eabi-gcc -mthumb -mcpu=cortex-m0
buildtools-arm-gcc = NM=arm-none-eabi-nm OBJDUMP=arm-none-eabi-objdump
BUILDS += $(if $(shell command -v arm-none-eabi-gcc),arm-gcc)
build-riscv64-gcc = riscv64-unknown-elf-gcc -mcmodel=medany
buildtools-riscv64-gcc = NM=riscv64-unknown-elf-nm OBJDUMP=riscv64-unknown-elf-objdump
build-riscv32-gcc = riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32
buildtools-riscv32-gcc = $(buildtools-riscv64-gcc)
BUILDS += $(if $(shell command -v riscv64-unknown-elf-gcc),riscv64-gcc riscv32-gcc)

.PHONY: build-tools
build-tools: check-tools
	$(call need,nm:binutils objdump:binutils g++:g++ awk:mawk)

$(BUILDS:%=$(BUILD_DIR)/%.tally): $(BUILD_DIR)/%.tally: $(CORE_SRC) $(CORE_HDR) $(BUILD_SCRIPTS) tests/build/build.mk Makefile | build-tools
	@mkdir -p $(@D)
	@$(buildtools-$*) CORE_CFLAGS='$(CORE_CFLAGS)' WARN='$(WARN)' sh tests/build/objects.sh $(BUILD_DIR) $* $(build-$*) >$@.new
	@! grep -q '^fail' $@.new && mv $@.new $@ || cp $@.new $(BUILD_DIR)/$*.failed

# The small core under the same compilers.
$(BUILDS:%=$(BUILD_DIR)/small-%.tally): $(BUILD_DIR)/small-%.tally: $(SMALL_SRC) $(SMALL_HDR) $(BUILD_SCRIPTS) tests/build/build.mk Makefile | build-tools
	@mkdir -p $(@D)
	@$(buildtools-$*) SOURCES='$(SMALL_SRC)' CORE_CFLAGS='$(CORE_CFLAGS)' WARN='$(WARN)' sh tests/build/objects.sh $(BUILD_DIR) small-$* $(build-$*) >$@.new
	@! grep -q '^fail' $@.new && mv $@.new $@ || cp $@.new $(BUILD_DIR)/small-$*.failed

# What takes no time is done each time.
$(BUILD_DIR)/house.tally: FORCE | build-tools
	@mkdir -p $(@D)/selftest
	@{ sh tests/build/includes.sh >&2 && echo "pass includes" || echo "fail includes"; \
	B='$(B)' sh tests/build/files.sh >&2 && echo "pass files" || echo "fail files"; \
	sh tests/build/plain.sh $(BUILD_DIR)/plain $(GCC); \
	sh tests/build/plain.sh $(BUILD_DIR)/plain $(CLANG); \
	SOURCES='$(SMALL_SRC)' sh tests/build/plain.sh $(BUILD_DIR)/plain $(GCC) small-; \
	SOURCES='$(SMALL_SRC)' sh tests/build/plain.sh $(BUILD_DIR)/plain $(CLANG) small-; \
	CORE_CFLAGS='$(CORE_CFLAGS)' sh tests/build/header.sh $(BUILD_DIR)/header $(GCC) g++ $(CLANG); \
	sh tests/build/selftest.sh $(BUILD_DIR)/selftest; } >$@

SUITES += build
.PHONY: test-build
test-build: $(BUILDS:%=$(BUILD_DIR)/%.tally) $(BUILDS:%=$(BUILD_DIR)/small-%.tally) $(BUILD_DIR)/house.tally  ## test the order of includes, and the core under every compiler
	@mkdir -p $(B)/tally
	@for b in $(BUILDS) $(BUILDS:%=small-%); do if [ -f $(BUILD_DIR)/$$b.tally ]; then cat $(BUILD_DIR)/$$b.tally; else cat $(BUILD_DIR)/$$b.failed; fi; done >$(B)/tally/build
	@cat $(BUILD_DIR)/house.tally >>$(B)/tally/build
	@echo "build: $$(grep -c '^pass' $(B)/tally/build) passed, $$(grep -c '^fail' $(B)/tally/build) failed, by $(words $(BUILDS)) compilers"
