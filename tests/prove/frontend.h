/* SPDX-License-Identifier: MIT
 *
 * frontend.h - read before every source that Frama-C reads as it is: the word of C11 that its front end does not know.
 */
#define _Alignas(x) __attribute__((aligned(x)))
#define _Noreturn __attribute__((noreturn))
