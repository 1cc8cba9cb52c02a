# SPDX-License-Identifier: MIT
#
# bench.mk - the recorder, the replayer, the sizing tool, the traces and the benchmark.
#
# HOWTO
#   make bench-quick            against the sources as they are: footprint of each trace over its bound, time over mimalloc's,
#                               and their geometric means; about a minute. ROUNDS=1 is quicker and noisier.
#   make bench                  everything: all allocators, plots, threads, the list of what holds
#   build/fh-replay --help      one trace, other allocators, --fit, --picture, --check
#   build/fh-replay --fit -a build/fh-adapter-freehold.so -a build/fh-adapter-k8.so build/traces/*.fht

BENCH := tests/bench
REPLAY_SRC := $(wildcard $(BENCH)/replay/*.c)
BENCH_HDR := $(wildcard $(BENCH)/*.h $(BENCH)/replay/*.h)
# Compiled as one with the core, as the preload library is.
ADAPTER_FLAGS = -fPIC -shared -fvisibility=hidden -Wl,-Bsymbolic $(PRELOAD_LTO)

PROGRAM_TRACES := $(patsubst tests/traces/%.fht.xz,$(B)/traces/%.fht,$(wildcard tests/traces/*.fht.xz))
EMBEDDED_TRACES := $(addprefix $(B)/traces/,queue.fht packet.fht holes.fht random.fht)
TRACES := $(PROGRAM_TRACES) $(EMBEDDED_TRACES)

PEER_LIB := $(firstword $(wildcard /usr/lib/$(shell uname -m)-linux-gnu) /usr/lib)
PEERS := $(PEER_LIB)/libmimalloc.so.2.0:libmimalloc2.0 $(PEER_LIB)/libjemalloc.so.2:libjemalloc2 \
	$(PEER_LIB)/libtcmalloc_minimal.so.4:libtcmalloc-minimal4 musl-gcc:musl-tools

.PHONY: replay
replay: $(B)/fh-replay $(B)/libfreehold-record.so $(B)/fh-adapter-freehold.so $(B)/fh-gen  ## build the trace recorder, the replayer and the sizing tool

$(B)/libfreehold-record.so: $(BENCH)/record/record.c $(BENCH)/trace.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -fPIC -shared $< -o $@ -ldl -pthread

$(B)/fh-replay: $(REPLAY_SRC) $(BENCH_HDR)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $(REPLAY_SRC) -o $@ -ldl

$(B)/fh-gen: $(BENCH)/gen/gen.c $(BENCH)/trace.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $< -o $@

$(B)/fh-adapter-freehold.so: $(BENCH)/adapters/freehold.c $(BENCH)/adapter.h $(CORE_SRC) $(CORE_HDR)
	@mkdir -p $(@D)
	$(CC) $(CORE_CFLAGS) $(CFLAGS) $(ADAPTER_FLAGS) $(CORE_SRC) $< -o $@

$(B)/traces/%.fht: tests/traces/%.fht.xz
	$(call need,xz:xz-utils)
	@mkdir -p $(@D)
	@xz -dc $< >$@

$(EMBEDDED_TRACES): $(B)/traces/%.fht: $(B)/fh-gen
	@mkdir -p $(@D)
	@$(B)/fh-gen $* $@

# Included here and not by the wildcard: the prerequisites below must know its names.
include $(BENCH)/variants.make

# The tests of all this: half a minute on one core.
SUITES += replay
ADAPTER_FUNCTIONS := abi name open close malloc free realloc aligned_alloc
FLAW_version := -DADAPTER_ABI_CLAIMED=99u
FLAW_skewed := -DFLOOR_SKEW=8
FLAW_outside := -DFLOOR_SKEW=0x10000000
FLAW_filled := -DFLOOR_FILL=0xAA
FLAWED_SO := $(addprefix $(B)/,adapter-version.so adapter-skewed.so adapter-outside.so adapter-filled.so)
REFUSED_SO := $(B)/adapter-leaky.so $(B)/adapter-generous.so
FLAW_leaky := -DFLAW_LEAKY
FLAW_generous := -DFLAW_GENEROUS
SUITE_BIN := $(addprefix $(B)/,fh-tiny fh-ring fh-damage fh-adapter-floor.so fh-adapter-unsealed.so fh-adapter-cache-unsealed.so) $(FLAWED_SO) $(REFUSED_SO) \
	$(ADAPTER_FUNCTIONS:%=$(B)/adapter-without-%.so)

$(B)/libfh-before.so: $(BENCH)/suite/before.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -fPIC -shared $< -o $@ -pthread

$(B)/fh-tiny: $(BENCH)/suite/tiny.c $(B)/libfh-before.so
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $^ -Wl,-rpath,'$$ORIGIN' -o $@ -pthread

$(B)/fh-ring: $(BENCH)/suite/ring.c $(BENCH)/suite/ring_work.h $(BENCH)/ring.h $(B)/libfreehold.a
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -Iinclude $< $(B)/libfreehold.a -o $@

# The same on a booted Cortex-M4, whose console is its dump. Without tools the file says so.
$(B)/ring-board.elf: $(BENCH)/suite/ring_board.c $(BENCH)/suite/ring_work.h $(BENCH)/ring.h $(CORE_SRC) $(CORE_HDR) \
    $(wildcard tests/wcet/*.h tests/wcet/cortexm.* tests/wcet/*.sh)
	$(call wcet_image,m4-gcc,$<,-O2)

$(B)/ring-board.txt: $(B)/ring-board.elf
	$(call size_run,m4-gcc)

$(B)/fh-damage: $(BENCH)/suite/damage.c $(BENCH)/replay/load.c $(BENCH)/replay/run.c $(BENCH)/replay/system.c $(BENCH_HDR)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all $(filter %.c,$^) -o $@

$(B)/fh-adapter-floor.so: $(BENCH)/adapters/floor.c $(BENCH)/adapter.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $(ADAPTER_FLAGS) $< -o $@

$(ADAPTER_FUNCTIONS:%=$(B)/adapter-without-%.so): $(B)/adapter-without-%.so: $(BENCH)/adapters/floor.c $(BENCH)/adapter.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $(ADAPTER_FLAGS) -Dfh_adapter_$*=another_name $< -o $@

$(FLAWED_SO): $(B)/adapter-%.so: $(BENCH)/adapters/floor.c $(BENCH)/adapter.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $(ADAPTER_FLAGS) $(FLAW_$*) $< -o $@

$(REFUSED_SO): $(B)/adapter-%.so: $(BENCH)/suite/flawed.c $(BENCH)/adapters/freehold.c $(BENCH)/adapter.h $(CORE_SRC) $(CORE_HDR)
	@mkdir -p $(@D)
	$(CC) $(CORE_CFLAGS) $(CFLAGS) $(ADAPTER_FLAGS) $(FLAW_$*) $(CORE_SRC) $< -o $@

.PHONY: test-replay
test-replay: replay $(SUITE_BIN) $(B)/ring-board.txt $(TRACES)  ## test the recorder, the replayer and the stored traces
	@sh $(BENCH)/suite/suite.sh $(B) $(B)/tally/replay $(TRACES) || true

# The threaded programs: ten seconds.
SUITES += threads
$(B)/fh-overlap.so: $(BENCH)/suite/overlap.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -fno-builtin -fPIC -shared $< -o $@

# The same under the race detector, with the hosted malloc and without caches; linked with it, since a preloaded library is not seen.
THREADS_TSAN := $(CC) -std=c11 -O1 -g -fsanitize=thread -fno-builtin -fno-strict-aliasing -DFH_GRANULE=16 -Iinclude -Iport
THREADS_SRC = $(wildcard $(BENCH)/threads/*.c)

$(B)/fh-threads-tsan: $(THREADS_SRC) $(BENCH)/threads/threads.h $(CORE_SRC) $(CORE_HDR) $(POSIX_MALLOC_SRC) $(POSIX_HDR)
	@mkdir -p $(@D)
	$(THREADS_TSAN) $(foreach name,$(PRELOAD_NAMES),-D$(name)=hosted_$(name)) $(filter %.c,$^) -o $@ -pthread

$(B)/fh-threads-bare-tsan: $(THREADS_SRC) $(BENCH)/threads/threads.h $(CORE_SRC) $(CORE_HDR) $(POSIX_SRC) $(POSIX_HDR)
	@mkdir -p $(@D)
	$(THREADS_TSAN) -DBARE -Dmalloc=bare_malloc -Dfree=bare_free $(filter %.c,$^) -o $@ -pthread

# And with no allocator to speak of: what the programs themselves take.
$(B)/fh-threads-floor: $(THREADS_SRC) $(BENCH)/threads/threads.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -DFLOOR -Dmalloc=floor_malloc -Dfree=floor_free $(filter %.c,$^) -o $@ -pthread

.PHONY: test-threads
test-threads: preload $(B)/fh-threads $(B)/fh-threads-floor $(B)/fh-threads-tsan $(B)/fh-threads-bare-tsan $(B)/fh-overlap.so  ## test threads on the preload library, every block verified, and under the race detector
	@sh $(BENCH)/suite/threads.sh $(B) $(B)/tally/threads

.PHONY: peers
peers:
	$(call need,$(PEERS))

# Each as it is, for what is preloaded, and linked with musl, which cannot be.
$(B)/fh-replay-musl: $(REPLAY_SRC) $(BENCH_HDR)
$(B)/fh-scale $(B)/fh-scale-musl: $(BENCH)/scale.c $(filter-out %/main.c,$(REPLAY_SRC)) $(BENCH_HDR)
$(B)/fh-threads $(B)/fh-threads-musl: $(wildcard $(BENCH)/threads/*.c) $(BENCH)/threads/threads.h

$(B)/fh-scale $(B)/fh-threads:
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) $(filter %.c,$^) -o $@ -ldl -pthread

$(B)/fh-replay-musl $(B)/fh-scale-musl $(B)/fh-threads-musl:
	@mkdir -p $(@D)
	musl-gcc -std=c11 -static $(WARN) $(CFLAGS) $(filter %.c,$^) -o $@

ROUNDS ?= 3
export REAL := $(basename $(notdir $(PROGRAM_TRACES)))

# What is linked with musl comes after the peers, which may have to be installed first.
MUSL_BIN := $(addprefix $(B)/,fh-replay-musl fh-scale-musl fh-threads-musl)
$(MUSL_BIN): | peers

.PHONY: bench
bench: replay peers preload $(TRACES) $(B)/fh-scale $(B)/fh-threads $(B)/fh-threads-floor $(MUSL_BIN) $(B)/fh-adapter-floor.so $(VARIANT_SO) $(FASTPATHS:%=$(B)/fh-fastpath-%)  ## measure everything beside other allocators: tables, plots, and what holds
	$(call need,gnuplot:gnuplot-nox valgrind:valgrind)
	@sh $(BENCH)/bench.sh $(B) $(PEER_LIB) $(ROUNDS) $(TRACES)

.PHONY: bench-keep
bench-keep: replay $(TRACES)  ## after make bench: keep its plots and tables in tests/bench/plots, for the README
	@test -s $(B)/bench/table.md || { echo "make bench comes first" >&2; exit 2; }
	@mkdir -p $(BENCH)/plots
	@cp $(B)/bench/table.md $(BENCH)/plots/
	@$(B)/fh-replay --fit --tsv --picture $(B)/bench/heap-python.svg $(B)/traces/python.fht >/dev/null
	@$(B)/fh-replay --fit --tsv --picture $(B)/bench/heap-queue.svg $(B)/traces/queue.fht >/dev/null
	@for f in speed footprint scale threads heap-python heap-queue; do \
		{ echo '<?xml version="1.0" encoding="utf-8"?><!-- SPDX-License-Identifier: MIT -->'; grep -v '^<?xml' $(B)/bench/$$f.svg; } >$(BENCH)/plots/$$f.svg; \
	done

.PHONY: bench-quick
bench-quick: replay peers $(B)/fh-adapter-cache.so $(TRACES)  ## footprint and speed of the sources as they are, beside mimalloc
	@$(B)/fh-replay --fit --tsv -a $(B)/fh-adapter-freehold.so -a $(B)/fh-adapter-cache.so $(TRACES) >$(B)/traces/fit.tsv
	@sh $(BENCH)/compare.sh $(ROUNDS) $(B)/traces/quick.tsv \
		"freehold=$(B)/fh-replay" "cache=$(B)/fh-replay -a $(B)/fh-adapter-cache.so" "glibc=$(B)/fh-replay -a system" \
		"mimalloc=LD_PRELOAD=$(PEER_LIB)/libmimalloc.so.2.0 $(B)/fh-replay -a system" -- $(TRACES)
	@awk -F'\t' -v real="$(basename $(notdir $(PROGRAM_TRACES)))" -f $(BENCH)/quick.awk $(B)/traces/fit.tsv $(B)/traces/quick.tsv
