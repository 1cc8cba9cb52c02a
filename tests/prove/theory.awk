# SPDX-License-Identifier: MIT
#
# theory.awk - completes two files of Frama-C's WP library, which leave out what the provers need here:
#
#   cbits.mlw  that &, | and ^ commute, and ^ associates, is told there to Alt-Ergo only, which Debian does not have
#   cint.mlw   that a conversion to an unsigned type is a remainder, and to int32_t the remainder shifted (C11 6.3.1.3; gcc's
#              documentation for the signed one): the library says only what it does to values that are in range
#
# Definitions, both: nothing here is a claim about freehold.

{ print }

/meta AC function lor/ {
    split("land lxor lor", name, " ")
    # Associativity of all three sends the provers in circles where nothing but shifts is asked: -v associate=1 asks for it.
    for (i = 1; i <= 3; i++)
        if (associate == 1 || name[i] == "lxor")
            printf "  axiom fh_%s_associates: forall x y z:int [%s x (%s y z)]. %s x (%s y z) = %s (%s x y) z\n", name[i], name[i], name[i], name[i], name[i], name[i], name[i]
    for (i = 1; i <= 3; i++)
        printf "  axiom fh_%s_commutes: forall x y:int [%s x y]. %s x y = %s y x\n", name[i], name[i], name[i], name[i]
}

/^  use int.Int$/ && FILENAME ~ /cint/ { print "  use int.EuclideanDivision" }

/^  axiom is_to_uint32/ {
    for (bits = 32; bits <= 64; bits += 32) {
        over = bits == 32 ? "4294967296" : "18446744073709551616"
        to = "to_uint" bits
        print "  axiom fh_once_over" bits ": forall x:int [" to " x]. " over " <= x < 2 * " over " -> " to " x = x - " over
        print "  axiom fh_once_under" bits ": forall x:int [" to " x]. -" over " <= x < 0 -> " to " x = x + " over
    }
    print "  axiom fh_rest32: forall x:int [to_uint32 x]. 8589934592 <= x -> to_uint32 x = mod x 4294967296"
    print "  axiom fh_rest64: forall x:int [to_uint64 x]. to_uint64 x = mod x 18446744073709551616"
    print "  axiom fh_signed32: forall x:int [to_sint32 x]. to_sint32 x = mod (x + 2147483648) 4294967296 - 2147483648"
}
