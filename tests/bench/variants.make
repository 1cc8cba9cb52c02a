# SPDX-License-Identifier: MIT
#
# variants.make - included by bench.mk: other builds of the core as adapters: what a setting costs or brings.
#
#   cache       with a thread's cache                k1 k8 k16   another depth of the search in a request's own class
#   percpu      with one CPU's cache, by the port
#   granule8    blocks aligned to 8                  classes4    each doubling cut into 4 classes instead of 8
#   single      FH_SINGLE_LIST, one list             classes16   into 16
#   unsealed    tags written as they are: what the seals cost. cache-unsealed: the same with the cache
#
# Each is build/fh-adapter-NAME.so. Settings that the core has no switch for are edited into a copy of it by variant.sh.

BENCH_ALIGN := -DFH_GRANULE=16
VARIANTS := cache percpu k1 k8 k16 granule8 single classes4 classes16 unsealed cache-unsealed
VARIANT_SO := $(VARIANTS:%=$(B)/fh-adapter-%.so)

ADAPTER_OF_cache := cached
ADAPTER_OF_percpu := percpu
ADAPTER_OF_cache-unsealed := cached
VARIANT_k1 := -DFH_SEARCH_DEPTH=1
VARIANT_k8 := -DFH_SEARCH_DEPTH=8
VARIANT_k16 := -DFH_SEARCH_DEPTH=16
VARIANT_granule8 := -DFH_GRANULE=8
VARIANT_single := -DFH_SINGLE_LIST

EDIT_classes4 := freelist.h 'fh_shift_below_16\(x\)' 'fh_shift_below_16(x << 1)' freelist.h '\(shift << 3\)' '(shift << 2)'
EDIT_classes16 := freelist.h 'fh_shift_below_16\(x\)' 'fh_shift_below_16(x >> 1)' freelist.h '\(shift << 3\)' '(shift << 4)' \
	freelist.h 'FH_MAX_CLASSES \(\(uint32_t\)240\)' 'FH_MAX_CLASSES ((uint32_t)448)'
EDIT_unsealed := block.h 'FH_SEAL \(\(uint32_t\)0x[0-9A-F]+\)' 'FH_SEAL ((uint32_t)1)' block.h 'FH_OPEN \(\(uint32_t\)0x[0-9A-F]+\)' 'FH_OPEN ((uint32_t)1)' \
	block.h '\(uint32_t\)\(uintptr_t\)b \^ secret' '0'
EDIT_cache-unsealed := $(EDIT_unsealed) \
	cache.h 'fh_load\(fh_tag_of\(b\)\) \^ \*fh_mark_of\(b\) \^ \(uint32_t\)\(uintptr_t\)next' 'fh_load(fh_tag_of(b))' \
	cache.h '\(fh_load\(fh_tag_of\(b\)\) \^ mark\) \* FH_OPEN' 'fh_load(fh_tag_of(b))'

$(VARIANT_SO): $(B)/fh-adapter-%.so: $(wildcard $(BENCH)/adapters/*.c) $(BENCH)/adapter.h $(CORE_SRC) $(CORE_HDR) $(BENCH)/variant.sh $(BENCH)/variants.make
	@mkdir -p $(@D)
	@sh $(BENCH)/variant.sh src $(B)/variants/$* $(EDIT_$*)
	$(CC) $(CORE_CFLAGS) $(CFLAGS) $(ADAPTER_FLAGS) $(VARIANT_$*) -DADAPTER_NAME='"$*"' $(CORE_SRC:src/%=$(B)/variants/$*/%) \
		$(BENCH)/adapters/$(or $(ADAPTER_OF_$*),freehold).c -o $@

# The same builds as programs whose calls callgrind counts; not inlined into each other, as a user of the library has them.
FASTPATHS := bounded unsealed cache cache-unsealed percpu
EDIT_bounded :=
FASTPATH_cache := -DWITH_CACHE
FASTPATH_cache-unsealed := -DWITH_CACHE
FASTPATH_percpu := -DPER_CPU
$(FASTPATHS:%=$(B)/fh-fastpath-%): $(B)/fh-fastpath-%: $(BENCH)/fastpath.c $(CORE_SRC) $(CORE_HDR) $(BENCH)/variant.sh $(BENCH)/variants.make
	@mkdir -p $(@D)
	@sh $(BENCH)/variant.sh src $(B)/variants/fastpath-$* $(EDIT_$*)
	$(CC) $(CORE_CFLAGS) -O2 -g $(FASTPATH_$*) $(CORE_SRC:src/%=$(B)/variants/fastpath-$*/%) $< -o $@

# Without single: its search is linear, and takes minutes on the programs.
FIT ?= cache k1 k8 k16 granule8 classes4 classes16
FIT_TRACES ?= $(TRACES)
.PHONY: fit
fit: replay $(FIT:%=$(B)/fh-adapter-%.so) $(FIT_TRACES)  ## the smallest region of each trace, and what other settings would change (FIT_TRACES=file: of yours)
	@$(B)/fh-replay --fit --tsv -a $(B)/fh-adapter-freehold.so $(FIT:%=-a $(B)/fh-adapter-%.so) $(FIT_TRACES) | awk -F'\t' -f $(BENCH)/fit.awk

# The same on 32-bit, granules of 8, where most firmware lives. Packages that do not drive out the cross compilers, as gcc-multilib does.
NEED_32 := /usr/lib32/crt1.o:libc6-dev-i386 /usr/lib/gcc/x86_64-linux-gnu/$(shell gcc -dumpversion)/32/libgcc.a:lib32gcc-$(shell gcc -dumpversion)-dev
FLAGS_32 := -m32 -idirafter /usr/include/x86_64-linux-gnu
SO_32 := $(addprefix $(B)/fh32/fh-adapter-,freehold.so single.so granule16.so k1.so)
VARIANT_32_freehold :=
VARIANT_32_single := -DFH_SINGLE_LIST
VARIANT_32_granule16 := -DFH_GRANULE=16
VARIANT_32_k1 := -DFH_SEARCH_DEPTH=1

$(B)/fh32/fh-replay: $(REPLAY_SRC) $(BENCH_HDR)
	$(call need,$(NEED_32))
	@mkdir -p $(@D)
	gcc $(FLAGS_32) -std=c11 $(WARN) -O2 $(REPLAY_SRC) -o $@ -ldl

$(SO_32): $(B)/fh32/fh-adapter-%.so: $(BENCH)/adapters/freehold.c $(BENCH)/adapter.h $(CORE_SRC) $(CORE_HDR)
	$(call need,$(NEED_32))
	@mkdir -p $(@D)
	gcc $(FLAGS_32) $(CORE_CFLAGS) -O2 -fPIC -shared -fvisibility=hidden $(VARIANT_32_$*) -DADAPTER_NAME='"$*"' $(CORE_SRC) $< -o $@

.PHONY: fit-32
fit-32: $(B)/fh32/fh-replay $(SO_32) $(EMBEDDED_TRACES)  ## the same for the embedded workloads on 32-bit, with one list, larger granules, a shorter search
	@$(B)/fh32/fh-replay --fit --tsv $(SO_32:%=-a %) $(EMBEDDED_TRACES) | awk -F'\t' -f $(BENCH)/fit.awk
