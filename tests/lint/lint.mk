# SPDX-License-Identifier: MIT
#
# lint.mk - static analysis of the core: gcc -fanalyzer, clang's analyzer, clang-tidy, cppcheck with its MISRA C:2012 addon.
#
# The small core is read apart: both have the names of the public calls.
#
# make lint fails on a finding that deviations.md does not argue, and on an argument that no finding needs. The tools' own words
# lie in build/lint.

LINT_PACKAGES := gcc:gcc clang:clang clang-tidy:clang-tidy cppcheck:cppcheck /usr/lib/x86_64-linux-gnu/cppcheck/addons/misra.py:cppcheck \
    python3:python3-minimal

.PHONY: lint lint-tools
lint-tools:
	$(call need,$(LINT_PACKAGES))

lint: | lint-tools  ## static analysis of the core, each deviation argued in tests/lint/deviations.md
	@sh tests/lint/lint.sh $(B)/lint $(CORE_CFLAGS) -- $(CORE_SRC)
	@sh tests/lint/lint.sh $(B)/lint/small $(CORE_CFLAGS) -- $(filter src/small/%,$(SMALL_SRC))
	@awk -f tests/lint/judge.awk tests/lint/deviations.md $(B)/lint/findings $(B)/lint/small/findings
