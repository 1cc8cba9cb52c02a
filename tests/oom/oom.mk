# SPDX-License-Identifier: MIT
#
# Out of memory, and the sweep of the interface with bad input: tables of tests for the programs that unit.mk builds, so that they
# run in every build of the core that it knows. About two seconds for each program.

CHECK_FOLDERS += oom
test-oom:     ## test what happens when memory runs out, and every call with every bad argument
