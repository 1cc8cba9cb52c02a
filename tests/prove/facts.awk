# SPDX-License-Identifier: MIT
#
# facts.awk - writes the facts about words as ACSL axioms (-v as=acsl) or as a question to a solver of bit vectors (-v as=smt,
# which answers `unsat` for each fact that holds for all words of its width).
#
# A fact is an s-expression: (fact NAME WIDTH (VARIABLE ...) FORMULA). A line `each FROM TO FACT` stands for one fact for each
# number, which replaces the signs @ in it; 2^@ is a power. Variables are words of WIDTH bits. In ACSL the
# operators are those of the integers; for the solver they are computed in twice the width, where nothing a fact may say wraps, so
# that both mean the same. (~ x) is the complement in WIDTH bits, (~~ x) that of an integer,
# (wrap x) what is left of x in WIDTH bits. (pow2 x): x is one of the WIDTH powers of two. There is no
# subtraction: it could go below zero, where the two differ.

function fail(why) {
    print "facts: " why > "/dev/stderr"
    failed = 1
    exit 1
}

function peek() { return at <= tokens ? token[at] : fail("end of file") }

function constant(x) { return x ~ /^[0-9]+$/ }

function smt_constant(x) { return "(_ bv" x " " wide ")" }

function power(k,   i, d, n, carry, out) {
    # 2^k in decimal, by doubling strings: awk's numbers end at 2^53.
    out = "1"
    while (k-- > 0) {
        carry = 0; d = ""
        for (i = length(out); i > 0; i--) {
            n = 2 * substr(out, i, 1) + carry
            carry = n > 9 ? 1 : 0
            d = (n % 10) d
        }
        out = (carry ? "1" : "") d
    }
    return out
}

function term(   op, x, n, k, s, sep) {
    if (peek() != "(") {
        x = token[at++]
        if (x ~ /^2\^/)
            x = power(substr(x, 3) + 0)
        return as == "smt" && constant(x) ? smt_constant(x) : x
    }
    at++
    op = token[at++]
    n = 0
    while (peek() != ")")
        arg[depth, ++n] = sub_term()
    at++
    if (op == "pow2") {
        if (as == "acsl")
            return "power_of_two_" width "(" arg[depth, 1] ")"
        s = "(or"
        for (k = 0; k < width; k++)
            s = s " (= " arg[depth, 1] " " smt_constant(power(k)) ")"
        return s ")"
    }
    if (op == "~") {
        x = arg[depth, 1]
        return as == "smt" ? "(bvxor " x " " smt_constant(ones) ")" : "((uint" width "_t)(~" x "))"
    }
    if (op == "~~") {
        x = arg[depth, 1]
        return as == "smt" ? "(bvnot " x ")" : "(~" x ")"
    }
    if (op == "wrap") {
        x = arg[depth, 1]
        return as == "smt" ? "(bvand " x " " smt_constant(ones) ")" : "((uint" width "_t)" x ")"
    }
    if (!(op in smt_of))
        fail("unknown operator " op)
    if (as == "smt") {
        s = "(" smt_of[op]
        for (k = 1; k <= n; k++)
            s = s " " arg[depth, k]
        return s ")"
    }
    if (op == "not")
        return "!" arg[depth, 1]
    s = "("
    sep = ""
    for (k = 1; k <= n; k++) {
        s = s sep arg[depth, k]
        sep = " " acsl_of[op] " "
    }
    return s ")"
}

# The arguments of nested terms are kept apart by their depth.
function sub_term(   x) {
    depth++
    x = term()
    depth--
    return x
}

function fact(   name, n, i, variable, body, range, list) {
    if (token[at++] != "(" || token[at++] != "fact")
        fail("a fact must begin with (fact, not " token[at - 1])
    name = token[at++]
    width = token[at++] + 0
    wide = 2 * width
    ones = width == 32 ? "4294967295" : "18446744073709551615"
    at++
    n = 0
    while (peek() != ")")
        variable[++n] = token[at++]
    at++
    body = sub_term()
    if (token[at++] != ")")
        fail(name ": more than one formula")
    if (as == "smt") {
        print "(push)"
        for (i = 1; i <= n; i++) {
            print "(declare-const " variable[i] "_ (_ BitVec " width "))"
            print "(define-fun " variable[i] " () (_ BitVec " wide ") ((_ zero_extend " width ") " variable[i] "_))"
        }
        print "(assert (not " body "))\n(echo \"" name "\")\n(check-sat)\n(pop)"
        return
    }
    range = ""
    for (i = 1; i <= n; i++)
        range = range (i > 1 ? " && " : "") "0 <= " variable[i] " <= " ones
    list = ""
    for (i = 1; i <= n; i++)
        list = list (i > 1 ? ", " : "") variable[i]
    print "  axiom " name ": \\forall integer " list "; " range " ==> " body ";"
}

BEGIN {
    split("& | ^ << >> + * / % == <= < ==> && || ! <==>", a, " ")
    split("bvand bvor bvxor bvshl bvlshr bvadd bvmul bvudiv bvurem = bvule bvult => and or not =", t, " ")
    split("& | ^ << >> + * / % = <= < => and or not iff", o, " ")
    for (i in o) {
        acsl_of[o[i]] = a[i]
        smt_of[o[i]] = t[i]
    }
}

/^[ \t]*;/ { next }
function read(text,   n, i, word) {
    gsub(/[()]/, " & ", text)
    n = split(text, word, " ")
    for (i = 1; i <= n; i++)
        token[++tokens] = word[i]
}

/^each / {
    for (k = $2; k <= $3; k++) {
        text = $0
        sub(/^each [0-9]+ [0-9]+/, "", text)
        gsub(/@/, k, text)
        read(text)
    }
    next
}
{ read($0) }

END {
    if (failed)
        exit 1
    if (as == "acsl") {
        for (width = 32; width <= 64; width += 32) {
            s = ""
            for (i = 0; i < width; i++)
                s = s (i ? " || " : "") "x == " power(i)
            print "/*@ predicate power_of_two_" width "(integer x) = " s "; */"
        }
        print "/*@ axiomatic facts {"
    } else
        print "(set-logic QF_BV)"
    at = 1
    while (at <= tokens)
        fact()
    if (as == "acsl")
        print "} */"
}
