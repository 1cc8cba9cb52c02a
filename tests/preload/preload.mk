# SPDX-License-Identifier: MIT
#
# preload.mk - the suite `preload`: the posix port, the hosted malloc, and real programs on it. About half a minute, and as
# long again to build it.
#
# The sanitizers have a malloc of their own, so for them the library's functions are linked under other names; `plain` is the
# same without a sanitizer, and without optimization.

SUITES += preload
PT := $(B)/preload
PT_DIR := tests/preload
PT_FLAGS := -std=c11 $(WARN) -Wno-pedantic -fno-builtin -g
PT_RENAME := $(foreach name,$(PRELOAD_NAMES),-D$(name)=hosted_$(name))
PT_LINKED := $(PT_FLAGS) -fno-strict-aliasing -Iinclude -DFAMILY_IS_LINKED $(PT_RENAME) -pthread
PT_OBJECTS := $(notdir $(CORE_SRC:.c=.o) $(POSIX_MALLOC_SRC:.c=.o))

# variant NAME,FLAGS: core and port as objects in a folder of that name, and a rule for tests linked with them.
define variant
$$(PT)/$(1)/%.o: src/%.c $$(CORE_HDR)
	@mkdir -p $$(@D)
	$$(CC) $$(PT_LINKED) $(2) -c $$< -o $$@
$$(PT)/$(1)/%.o: port/posix/%.c $$(CORE_HDR) $$(POSIX_HDR)
	@mkdir -p $$(@D)
	$$(CC) $$(PT_LINKED) $(2) -c $$< -o $$@
$$(PT)/%-$(1): $$(PT_DIR)/%.c $$(PT_DIR)/case.h $$(PT_OBJECTS:%=$$(PT)/$(1)/%)
	$$(CC) $$(PT_LINKED) $(2) $$(filter-out %.h,$$^) -ldl -o $$@
endef
.SECONDARY: $(foreach v,plain asan tsan,$(PT_OBJECTS:%=$(PT)/$(v)/%))
$(eval $(call variant,plain,-O0))
$(eval $(call variant,asan,-O1 -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all))
$(eval $(call variant,tsan,-O1 -fsanitize=thread))

$(PT)/family $(PT)/threads $(PT)/fork $(PT)/signals $(PT)/early: $(PT)/%: $(PT_DIR)/%.c $(PT_DIR)/case.h
	@mkdir -p $(@D)
	$(CC) $(PT_FLAGS) -O1 $< -pthread -ldl -o $@

$(PT)/crimes: $(PT_DIR)/crimes.c $(PT_DIR)/case.h
	@mkdir -p $(@D)
	$(CC) $(PT_FLAGS) -O1 -Wno-use-after-free $< -o $@

.PHONY: preload-tools
preload-tools:
	$(call need,python3:python3 perl:perl sqlite3:sqlite3 git:git sort:coreutils gcc:gcc g++:g++ xz:xz-utils setarch:util-linux)

$(PT)/cxx: $(PT_DIR)/cxx.cc | preload-tools
	@mkdir -p $(@D)
	g++ -std=c++17 -O1 -g -Wall -Wextra -Werror $< -pthread -o $@

PT_PROGRAMS := $(addprefix $(PT)/,family threads fork signals early crimes cxx family-plain parts-plain family-asan parts-asan threads-tsan fork-tsan)

.PHONY: test-preload
test-preload: $(B)/libfreehold-preload.so $(PT_PROGRAMS) | preload-tools
	@sh $(PT_DIR)/run.sh $(PT) $(B)/tally/preload
