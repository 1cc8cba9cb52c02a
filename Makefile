# SPDX-License-Identifier: MIT
#
# The verbs of freehold; `make help` lists them. Everything made lies in build/. Each part of the project adds its own
# verbs in a file of its own next to what it builds (port/*/*.mk, qemu/*.mk, tests/*/*.mk); they share this file's variables:
#
#   B            where everything is built
#   CORE_SRC     the core's sources        CORE_HDR   its headers
#   CORE_CFLAGS  what the core needs to be compiled as it is meant to be; CFLAGS is the user's and comes after it
#   WARN         the warnings that tests compile with, as errors
#   need         $(call need,COMMAND:PACKAGE ...)  installs what is missing, or says what to run
#
# A suite of tests is a target test-NAME, listed in SUITES, that leaves its count in $(B)/tally/NAME; see tests/tools/tally.sh.

# As many jobs as there are processors, unless JOBS says otherwise.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
MAKEFLAGS += --no-builtin-rules --no-builtin-variables -j$(JOBS)
.DELETE_ON_ERROR:
.SUFFIXES:

B ?= build
ifneq ($(filter default undefined,$(origin CC)),)
CC := cc
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
CLANG ?= clang
CFLAGS ?= -O2 -g

CORE_SRC := $(wildcard src/*.c)
CORE_HDR := include/freehold.h $(wildcard src/*.h)
CORE_CFLAGS := -std=c11 -ffreestanding -fno-builtin -fno-strict-aliasing -ffunction-sections -fdata-sections -Iinclude
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-align -Wundef -Wwrite-strings -Werror

need = @sh tests/tools/need.sh $(1)
SUITES :=

# What every verb but these needs: a compiler for this machine, with its C library. Asked for once and before anything starts.
ifneq ($(filter-out all clean help,$(MAKECMDGOALS)),)
ifneq ($(shell CC='$(CC)' sh tests/tools/need.sh '$(firstword $(CC)):gcc' '<stdio.h>:libc6-dev' >&2 && echo there),there)
$(error a compiler with its C library is needed)
endif
# What programs with 32-bit pointers are here: i386, x32, or nothing; and what runs those of x32.
ABI_32 := $(shell CC='$(CC)' sh tests/tools/abi-32.sh $(B)/abi-32)
CHECK_LAUNCH := $(if $(ABI_32),$(B)/check/launch)
endif

.PHONY: all
all: $(B)/libfreehold.a  ## build the library, build/libfreehold.a (also the verb of a plain `make`)

CORE_OBJ := $(CORE_SRC:src/%.c=$(B)/core/%.o)

$(B)/core/%.o: src/%.c $(CORE_HDR) Makefile
	@mkdir -p $(@D)
	@sh tests/tools/need.sh '$(firstword $(CC)):gcc'
	$(CC) $(CORE_CFLAGS) $(CFLAGS) -c $< -o $@

$(B)/libfreehold.a: $(CORE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(CORE_OBJ)

# The small core: the same calls for chips with little room; see src/small/small.h.
SMALL_SRC := $(wildcard src/small/*.c) src/names.c
SMALL_HDR := include/freehold.h src/bits.h src/block.h $(wildcard src/small/*.h)
SMALL_OBJ := $(SMALL_SRC:src/%.c=$(B)/core-small/%.o)

$(SMALL_OBJ): $(B)/core-small/%.o: src/%.c $(SMALL_HDR) Makefile
	@mkdir -p $(@D)
	@sh tests/tools/need.sh '$(firstword $(CC)):gcc'
	$(CC) $(CORE_CFLAGS) $(CFLAGS) -c $< -o $@

.PHONY: small
small: $(B)/libfreehold-small.a  ## build the small core, build/libfreehold-small.a

$(B)/libfreehold-small.a: $(SMALL_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(SMALL_OBJ)

include $(wildcard port/*/*.mk qemu/*.mk tests/*/*.mk)

.PHONY: test
test: $(SUITES:%=test-%)  ## run all tests; ends in `N passed, N failed`
	@sh tests/tools/tally.sh $(B)/tally $(SUITES)

.PHONY: clean
clean:  ## remove build/
	rm -rf $(B)

.PHONY: help
help:  ## list the verbs
	@sed -n 's/^\([a-z][a-z0-9_-]*\):.*  ## /\1	/p' $(MAKEFILE_LIST) | sort | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'
