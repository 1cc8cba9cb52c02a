/* SPDX-License-Identifier: MIT
 *
 * lemmas.c - the lemmas of logic.h by themselves, to be proved once: those about products with -DNO_FACTS, the other with the facts.
 */
#include "logic.h"
