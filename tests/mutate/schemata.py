# SPDX-License-Identifier: MIT
#
# schemata.py - several mutants in one text, of which the program chooses one when it starts: they are compiled once.
#
# Promise: with number 0 chosen the text means what it meant; with n, what the n-th mutant would mean by itself. Each alternative
# stands on a line of its own, so that a compiler's complaint tells whose it is.
# Invariant: the chosen number is a word in the program's file, which chosen() has written there.
# Must not know: which changes the mutants make, or what kills them.
import re

# What the text needs to be told, and the object that has the number: behind two words to find it by.
HEADER = "extern volatile unsigned mutate_chosen[3];\n"
SOURCE = "volatile unsigned mutate_chosen[3] = {0x7E57AB1E, 0x0DDBA11u, 0};\n"
SIGN = (0x7E57AB1E).to_bytes(4, "little") + (0x0DDBA11).to_bytes(4, "little")


# The text with all of these mutants, which must have a place, and {line: number of the mutant, from 1}.
def combine(text, mutants):
    by_place = {}
    for number, m in enumerate(mutants, 1):
        by_place.setdefault(m.place, []).append((number, m))
    out, at = [], 0
    for place in sorted(by_place):
        out.append(text[at:place.start])
        out.append(alternatives(text, place, by_place[place]))
        at = place.end
    out.append(text[at:])
    combined = "".join(out)
    # Marks of a line's owner are there only to be found.
    owners = {}
    for line, content in enumerate(combined.split("\n"), 1):
        mark = re.search(r"/\*mutant (\d+)\*/", content)
        if mark:
            owners[line] = int(mark.group(1))
    return combined, owners


def alternatives(text, place, numbered):
    whole = text[place.start:place.end]
    out = []
    for number, m in numbered:
        other = text[place.start:m.start] + m.text + text[m.end:place.end]
        other = " ".join(other.split())
        if place.kind == "statement":
            out.append("\n/*mutant %d*/ if (mutate_chosen[2] == %d) { %s } else" % (number, number, other))
        else:
            cast = "(void)" if place.kind == "effect" else ""
            out.append("\n/*mutant %d*/ mutate_chosen[2] == %d ? %s(%s) :" % (number, number, cast, other or "0"))
    if place.kind == "statement":
        return "{%s\n{ %s } }" % ("".join(out), whole)
    return "(%s\n%s(%s))" % ("".join(out), "(void)" if place.kind == "effect" else "", whole)


# The program's file, given with number 0, with another one; None if the word is not there, or more than once.
def chosen(program, number):
    at = program.find(SIGN)
    if at < 0 or program.find(SIGN, at + 1) >= 0:
        return None
    at += len(SIGN)
    return program[:at] + number.to_bytes(4, "little") + program[at + 4:]


# Whose lines a compiler complains about.
def blamed(said, file, owners):
    lines = re.findall(r"^%s:(\d+):\S* (?:fatal )?error" % re.escape(file), said, re.MULTILINE)
    return set(owners[int(line)] for line in lines if int(line) in owners)
