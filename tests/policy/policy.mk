# SPDX-License-Identifier: MIT
#
# What the fault hook may do, in two builds of the core; see policy.c. Ten seconds of processor time.

policy-default = $(GCC) -O2
policy-hardened = $(GCC) -O2 -DFH_HARDENED
POLICY_PROGRAMS := default hardened
POLICY_SRC := tests/policy/policy.c $(wildcard tests/unit/harness/main.c tests/unit/harness/rig.c tests/unit/harness/steps.c)

$(POLICY_PROGRAMS:%=$(B)/policy/%): $(B)/policy/%: $(POLICY_SRC) $(wildcard tests/unit/harness/*.h) $(CORE_SRC) $(CORE_HDR) tests/policy/policy.mk | check-tools
	@mkdir -p $(@D)
	@mkdir -p $@.d && echo 'TABLE(policy_policy)' >$@.d/tables.h
	@$(policy-$*) -I$@.d $(CHECK_FLAGS) $(CORE_SRC) $(POLICY_SRC) $(CHECK_64) -o $@

SUITES += policy
.PHONY: test-policy
test-policy: $(POLICY_PROGRAMS:%=$(B)/policy/%)  ## test what the fault hook may do: a million operations after each fault
	@mkdir -p $(B)/tally
	@for p in $(POLICY_PROGRAMS); do SEED='$(SEED)' timeout 300 $(B)/policy/$$p $$p policy $(ONLY) || echo "fail $$p-ended-early"; done >$(B)/tally/policy
	@echo "policy: $$(grep -c '^pass' $(B)/tally/policy) passed, $$(grep -c '^fail' $(B)/tally/policy) failed"
