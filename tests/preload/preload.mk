# SPDX-License-Identifier: MIT
#
# preload.mk - the suite `preload`: the posix port, the hosted malloc, and real programs on it. About half a minute.
#
# The sanitizers have a malloc of their own, so for them the library's functions are linked under other names.

SUITES += preload
PT := $(B)/preload
PT_DIR := tests/preload
PT_FLAGS := $(WARN) -Wno-pedantic -fno-builtin -g
PT_RENAME := $(foreach name,$(PRELOAD_NAMES),-D$(name)=hosted_$(name))
PT_LINKED := $(CORE_SRC) $(POSIX_MALLOC_SRC) -std=c11 -fno-builtin -fno-strict-aliasing -Iinclude -DFAMILY_IS_LINKED $(PT_RENAME) -pthread
PT_HDR := $(PT_DIR)/case.h $(CORE_HDR) $(POSIX_HDR)

# The core is written for C11 without extensions; the tests use POSIX and GNU functions.
$(PT)/family $(PT)/threads $(PT)/fork $(PT)/early: $(PT)/%: $(PT_DIR)/%.c $(PT_DIR)/case.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 $(PT_FLAGS) $< -pthread -ldl -o $@

$(PT)/crimes: $(PT_DIR)/crimes.c $(PT_DIR)/case.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 $(PT_FLAGS) -Wno-use-after-free $< -o $@

$(PT)/cxx: $(PT_DIR)/cxx.cc
	$(call need,g++:g++)
	@mkdir -p $(@D)
	g++ -std=c++17 -O1 -g -Wall -Wextra -Werror $< -pthread -o $@

$(PT)/parts: $(PT_DIR)/parts.c $(PT_HDR) $(CORE_SRC) $(POSIX_MALLOC_SRC)
	@mkdir -p $(@D)
	$(CC) -O1 $(PT_FLAGS) $(PT_LINKED) $< -o $@

$(PT)/parts-asan: $(PT_DIR)/parts.c $(PT_HDR) $(CORE_SRC) $(POSIX_MALLOC_SRC)
	@mkdir -p $(@D)
	$(CC) -O1 $(PT_FLAGS) $(PT_LINKED) -fsanitize=address,undefined -fno-sanitize-recover=all $< -o $@

$(PT)/family-linked: $(PT_DIR)/family.c $(PT_HDR) $(CORE_SRC) $(POSIX_MALLOC_SRC)
	@mkdir -p $(@D)
	$(CC) -O0 $(PT_FLAGS) $(PT_LINKED) $< -ldl -o $@

$(PT)/family-asan: $(PT_DIR)/family.c $(PT_HDR) $(CORE_SRC) $(POSIX_MALLOC_SRC)
	@mkdir -p $(@D)
	$(CC) -O1 $(PT_FLAGS) $(PT_LINKED) -fsanitize=address,undefined -fno-sanitize-recover=all $< -ldl -o $@

$(PT)/threads-tsan $(PT)/fork-tsan: $(PT)/%-tsan: $(PT_DIR)/%.c $(PT_HDR) $(CORE_SRC) $(POSIX_MALLOC_SRC)
	@mkdir -p $(@D)
	$(CC) -O1 $(PT_FLAGS) $(PT_LINKED) -fsanitize=thread $< -o $@

PT_PROGRAMS := $(addprefix $(PT)/,family threads fork early crimes cxx parts parts-asan family-linked family-asan threads-tsan fork-tsan)

.PHONY: test-preload
test-preload: $(B)/libfreehold-preload.so $(PT_PROGRAMS)
	$(call need,python3:python3 perl:perl sqlite3:sqlite3 git:git sort:coreutils gcc:gcc g++:g++ xz:xz-utils setarch:util-linux)
	@sh $(PT_DIR)/run.sh $(PT) $(B)/tally/preload
