# SPDX-License-Identifier: MIT
#
# The posix port: the preload library, and the objects that tests and tools link.
#
#   POSIX_SRC   the port without malloc.c     POSIX_HDR   its headers

POSIX_SRC := port/posix/posix.c port/posix/lock.c
POSIX_HDR := $(wildcard port/posix/*.h)
POSIX_MALLOC_SRC := port/posix/malloc.c port/posix/span.c $(POSIX_SRC)

# One program of core and port: link-time optimization lets the calls from one to the other be inlined, and all is compiled
# alike because the compiler does not inline across different rules. PRELOAD_LTO= leaves it out, for a compiler without it.
ifneq ($(findstring clang,$(CC)),)
PRELOAD_LTO ?= -flto -fuse-ld=lld
else
PRELOAD_LTO ?= -flto
endif
# Granules of 16 on 32-bit too: there, max_align_t is 16 in the GNU ABI as well.
PRELOAD_CFLAGS := -std=c11 -fno-builtin -fno-strict-aliasing -DFH_GRANULE=16 -Iinclude -fPIC -fno-semantic-interposition -ftls-model=initial-exec

# What the library exports; everything else is its own, which lets calls inside it be inlined.
PRELOAD_NAMES := malloc free calloc realloc reallocarray memalign posix_memalign aligned_alloc valloc pvalloc \
	malloc_usable_size free_sized free_aligned_sized malloc_trim

$(B)/preload/exports: port/posix/posix.mk
	@mkdir -p $(@D)
	@{ echo '{ global:'; for name in $(PRELOAD_NAMES); do echo "$$name;"; done; echo 'local: *; };'; } >$@

$(B)/libfreehold-preload.so: $(CORE_SRC) $(CORE_HDR) $(POSIX_MALLOC_SRC) $(POSIX_HDR) $(B)/preload/exports
	$(CC) $(PRELOAD_CFLAGS) $(CFLAGS) $(PRELOAD_LTO) -shared -Wl,--version-script=$(B)/preload/exports -Wl,-z,now \
		$(CORE_SRC) $(POSIX_MALLOC_SRC) -lpthread -o $@

.PHONY: preload
preload: $(B)/libfreehold-preload.so  ## build build/libfreehold-preload.so, malloc for programs run with LD_PRELOAD
