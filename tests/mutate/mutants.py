# SPDX-License-Identifier: MIT
#
# mutants.py - reads C as tokens and names every small change that the operators below make to it.
#
#     mutants.py COMPILER FLAGS ... -- FILE ...     prints each mutant of these files: its name, the line, the line as it would be
#
# Promise: the same file gives the same mutants in the same order. A mutant changes one place. Comments, strings, directives but
# the bodies of macros, FH_EXPECT, assertions at compile time, assembler and lines that every compiler given leaves out are not touched.
# Invariant: the text outside the changed place stays as it is, byte for byte.
# Must not know: how mutants are built, or what kills them.
#
# It relies on the style of the sources: a binary operator has white space on both sides (so a `*` without is a pointer's), and a
# function begins at the left margin. What is nevertheless no C is refused by the compiler and does not count.
import os
import re
import subprocess
import sys
from collections import namedtuple

# name: FILE:LINE:OPERATOR:N, N counting the mutants of that line by that operator. function: where it lies, or the macro.
# before, after: the lines that change, white space taken together. start, end, text: what is replaced in the file, and by what.
# place: the whole expression or statement around it, of which there can be several side by side (see schemata.py); None: none is known.
# builds: which of the compilers keep it, as numbers from 0.
Mutant = namedtuple("Mutant", "name file line operator function before after start end text place builds")
# kind: "value", an expression whose value is used; "effect", one whose value is not; "statement", with its semicolon.
Place = namedtuple("Place", "start end kind")
Token = namedtuple("Token", "kind text start end line")

TOKEN = re.compile(r"""(?P<space>\s+|/\*.*?\*/|//[^\n]*)|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<name>[A-Za-z_]\w*)
    |(?P<number>0[xX][0-9A-Fa-f]+[uUlL]*|\d+[uUlL]*)|(?P<mark>\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\\\n|.)""",
    re.VERBOSE | re.DOTALL)

RELATIONS = {"<": [("ror", "<="), ("ror", ">=")], "<=": [("ror", "<"), ("ror", ">")], ">": [("ror", ">="), ("ror", "<=")],
             ">=": [("ror", ">"), ("ror", "<")], "==": [("ror", "!=")], "!=": [("ror", "==")]}
SWAPS = {"+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "&": "|", "|": "&", "^": "|", "<<": ">>", ">>": "<<",
         "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "&=": "|=", "|=": "&=", "^=": "|=", "<<=": ">>=", ">>=": "<<="}
OPENING = {"(": ")", "[": "]", "{": "}"}
LEFT_ALONE = {"FH_EXPECT", "_Static_assert", "static_assert", "__attribute__", "__asm__"}
TYPES = {"const", "volatile", "static", "struct", "union", "enum", "unsigned", "signed", "int", "char", "long", "short", "bool", "void",
         "float", "double", "size_t", "inline", "extern", "register", "typedef"}
NOT_DELETED = {"case", "default", "goto"} | LEFT_ALONE - {"__asm__"}
CONTROL = {"if", "for", "while", "switch"}


def read_tokens(text):
    tokens, line = [], 1
    for m in TOKEN.finditer(text):
        kind = m.lastgroup
        if kind != "space" and m.group() != "\\\n":
            tokens.append(Token(kind, m.group(), m.start(), m.end(), line))
        line += m.group().count("\n")
    return tokens


# The lines of the files that the compiler keeps, as {file: set of lines}; what it was asked for includes them, or is one of them.
def kept_lines(compiler, files):
    kept = {}
    for file in files:
        language = ["-x", "c"]
        out = subprocess.run(compiler + language + ["-E", "-dD", file], stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
        name, line = None, 0
        for text in out.split("\n"):
            m = re.match(r'# (\d+) "([^"]*)"', text)
            if m:
                name, line = os.path.normpath(m.group(2)), int(m.group(1))
                continue
            if text.strip():
                kept.setdefault(name, set()).add(line)
            line += 1
    return kept


# kept: for each compiler the lines that it keeps.
class Source:
    def __init__(self, file, text, kept):
        self.file, self.text, self.kept = file, text, kept
        self.lines = text.split("\n")
        self.found = []
        self.places = []
        tokens = read_tokens(text)
        code = []
        i = 0
        while i < len(tokens):
            t = tokens[i]
            if t.text == "#" and self.lines[t.line - 1].lstrip().startswith("#"):
                last = t.line
                while self.lines[last - 1].endswith("\\"):
                    last += 1
                n = i
                while n < len(tokens) and tokens[n].line <= last:
                    n += 1
                self.directive(tokens[i:n])
                i = n
            else:
                code.append(t)
                i += 1
        self.code(code)

    def directive(self, tokens):
        if len(tokens) < 4 or tokens[1].text != "define":
            return
        body = 3
        if tokens[3].text == "(" and tokens[3].start == tokens[2].end:
            while tokens[body].text != ")":
                body += 1
            body += 1
        if tokens[2].text not in LEFT_ALONE:
            self.expressions(tokens[body:], tokens[2].text)

    # Leaves out what is not to be changed, finds the functions, and works on each.
    def code(self, tokens):
        i, depth, begin = 0, 0, 0
        while i < len(tokens):
            t = tokens[i]
            if depth == 0 and t.text == "{" and i > 0 and tokens[i - 1].text == ")":
                end = self.match(tokens, i)
                name, kind = self.header(tokens[begin:i])
                self.function(self.pruned(tokens[i + 1:end]), name, kind)
                i = begin = end + 1
                continue
            if t.text in OPENING:
                depth += 1
            elif t.text in OPENING.values():
                depth -= 1
            if depth == 0 and t.text == ";":
                self.expressions(self.pruned(tokens[begin:i]), self.declared(tokens[begin:i]))
                begin = i + 1
            i += 1

    def declared(self, tokens):
        names = [t.text for t in tokens if t.kind == "name"]
        return names[-1] if names else "?"

    # The function's name, and what it returns: bool, pointer, void or number.
    def header(self, tokens):
        at = len(tokens) - 1
        depth = 0
        while at > 0:
            depth += (tokens[at].text == ")") - (tokens[at].text == "(")
            if depth == 0:
                break
            at -= 1
        words = [t.text for t in tokens[:at - 1]]
        kind = "pointer" if "*" in words else "bool" if "bool" in words else "void" if "void" in words else "number"
        return tokens[at - 1].text, kind

    def match(self, tokens, i):
        depth = 0
        for n in range(i, len(tokens)):
            if tokens[n].text in OPENING:
                depth += 1
            elif tokens[n].text in OPENING.values():
                depth -= 1
                if depth == 0:
                    return n
        return len(tokens) - 1

    def pruned(self, tokens):
        kept, i = [], 0
        while i < len(tokens):
            if tokens[i].text in LEFT_ALONE:
                n = i + 1
                while n < len(tokens) and tokens[n].text != "(":
                    n += 1
                end = self.match(tokens, n)
                # What stays is a word that is not looked into, so that a statement is still a statement.
                kept.append(tokens[i]._replace(end=tokens[end].end))
                i = end + 1
                continue
            kept.append(tokens[i])
            i += 1
        return kept

    # Which of the compilers keep both lines?
    def keepers(self, *lines):
        return tuple(i for i, kept in enumerate(self.kept) if kept.issuperset(lines))

    def add(self, operator, function, first, last, text):
        if not self.keepers(first.line, last.line):
            return
        if text is None or text == self.text[first.start:last.end]:
            return
        self.found.append((first.line, operator, function, first.start, last.end, last.line, text))

    def wide(self, t):
        return self.text[t.start - 1].isspace() and self.text[t.end:t.end + 1].isspace()

    # The operators that need nothing but expressions: relations, arithmetic, logic, constants.
    def expressions(self, tokens, function):
        for i, t in enumerate(tokens):
            if t.kind == "number":
                self.constant(t, function)
            elif t.text in ("NULL", "true", "false"):
                self.add("constant", function, t, t, {"true": "false", "false": "true"}.get(t.text))
            elif t.kind == "mark":
                self.mark(tokens, i, function)

    def constant(self, t, function):
        digits = t.text.rstrip("uUlL")
        suffix = t.text[len(digits):]
        value = int(digits, 0) if digits.lower().startswith("0x") or digits == "0" else int(digits)
        others = [value + 1] + ([value - 1] if value > 0 else []) + ([0] if value > 1 else [])
        for other in others:
            self.add("constant", function, t, t, ("0x%X" % other if "x" in digits.lower() else str(other)) + suffix)

    def mark(self, tokens, i, function):
        t = tokens[i]
        if t.text in ("&&", "||"):
            self.logic(tokens, i, function)
        elif t.text == "?":
            self.add("condition", function, t, t, "|| 1 ?")
            self.add("condition", function, t, t, "&& 0 ?")
        elif t.text in ("++", "--"):
            self.add("arithmetic", function, t, t, "--" if t.text == "++" else "++")
        elif t.text in ("!", "~"):
            self.add("arithmetic" if t.text == "~" else "logic", function, t, t, "")
        elif self.wide(t) and t.text in RELATIONS:
            for operator, other in RELATIONS[t.text]:
                self.add("relation", function, t, t, other)
        elif self.wide(t) and t.text in SWAPS:
            self.add("arithmetic", function, t, t, SWAPS[t.text])

    # The other connective; and either operand left out, by what makes no difference to the other one.
    def logic(self, tokens, i, function):
        t = tokens[i]
        self.add("logic", function, t, t, "||" if t.text == "&&" else "&&")
        neutral = "1" if t.text == "&&" else "0"
        stops = {"||", "&&", "?", ":", ",", ";", "=", "return"} - ({"&&"} if t.text == "||" else set())
        first = self.reach(tokens, i, -1, stops)
        last = self.reach(tokens, i, 1, stops)
        if first < i:
            self.add("logic", function, tokens[first], tokens[i - 1], neutral)
        if last > i:
            self.add("logic", function, tokens[i + 1], tokens[last], neutral)

    def reach(self, tokens, i, step, stops):
        closers = OPENING if step < 0 else set(OPENING.values())
        openers = set(OPENING.values()) if step < 0 else OPENING
        depth, n = 0, i
        while 0 <= n + step < len(tokens):
            text = tokens[n + step].text
            if depth == 0 and (text in stops or text in closers):
                break
            depth += (text in openers) - (text in closers)
            n += step
        return n

    def place(self, first, last, kind):
        self.places.append(Place(first.start, last.end, kind))

    # What follows needs statements.
    def function(self, tokens, name, kind):
        self.expressions(tokens, name)
        i = 0
        fresh = True    # does a statement begin here?
        while i < len(tokens):
            t = tokens[i]
            if t.text in CONTROL and i + 1 < len(tokens) and tokens[i + 1].text == "(":
                end = self.match(tokens, i + 1)
                self.condition(tokens, i, end, name)
                i = end + 1
                # The end of do ... while is the only one with nothing after it.
                fresh = not (t.text == "while" and i < len(tokens) and tokens[i].text == ";")
                continue
            if fresh and t.text not in ("{", "}", ";", "else", "do"):
                i = self.statement(tokens, i, name, kind)
            fresh = tokens[i].text in ("{", "}", ";", "else", "do") if i < len(tokens) else True
            i += 1

    def condition(self, tokens, i, end, name):
        first, last = i + 2, end - 1
        if tokens[i].text == "switch":
            self.place(tokens[first], tokens[last], "value")
            return
        if tokens[i].text == "for":
            ends = []
            depth = 0
            for n in range(i + 2, end):
                depth += (tokens[n].text in OPENING) - (tokens[n].text in OPENING.values())
                if depth == 0 and tokens[n].text == ";":
                    ends.append(n)
            if len(ends) == 2 and i + 2 < ends[0]:
                self.assigned(tokens, i + 2, ends[0], "effect")
            if len(ends) == 2 and ends[1] + 1 < end:
                self.place(tokens[ends[1] + 1], tokens[end - 1], "effect")
            if len(ends) != 2 or ends[0] + 1 == ends[1]:
                return
            first, last = ends[0] + 1, ends[1] - 1
            if ends[1] + 1 < end:
                self.add("deletion", name, tokens[ends[1] + 1], tokens[end - 1], "")
        self.place(tokens[first], tokens[last], "value")
        text = self.text[tokens[first].start:tokens[last].end]
        if not self.one_relation(tokens[first:last + 1]):
            self.add("condition", name, tokens[first], tokens[last], "!(%s)" % text)
        self.add("condition", name, tokens[first], tokens[last], "1")
        self.add("condition", name, tokens[first], tokens[last], "0")

    # Is it a single relation, or a single word after `!`? Its negation is made elsewhere then.
    def one_relation(self, tokens):
        depth, relations, logic = 0, 0, 0
        for t in tokens:
            depth += (t.text in OPENING) - (t.text in OPENING.values())
            if depth == 0:
                relations += t.text in RELATIONS and self.wide(t)
                logic += t.text in ("&&", "||", "?", "=")
        return logic == 0 and (relations == 1 or (relations == 0 and tokens[0].text == "!"))

    def statement(self, tokens, i, name, kind):
        end = i
        depth = 0
        while end < len(tokens):
            depth += (tokens[end].text in OPENING) - (tokens[end].text in OPENING.values())
            if depth == 0 and tokens[end].text == ";":
                break
            end += 1
        if end == len(tokens):
            return end
        first = tokens[i]
        if first.text == "return":
            self.result(tokens, i, end, name, kind)
        elif first.text not in NOT_DELETED:
            self.assigned(tokens, i, end, "statement")
            if not self.declares(tokens[i:end]):
                self.add("deletion", name, first, tokens[end - 1], "")
        return end

    # The places in tokens[i:end], which declares variables, each perhaps with a first value, or else is one place of that kind.
    def assigned(self, tokens, i, end, kind):
        if not self.declares(tokens[i:end]):
            self.place(tokens[i], tokens[end if kind == "statement" else end - 1], kind)
            return
        if tokens[i].text == "static":
            return
        depth, value = 0, None
        for n in range(i, end + 1):
            ends = n == end or (depth == 0 and tokens[n].text == ",")
            if ends and value is not None and value < n and tokens[value].text != "{":
                self.place(tokens[value], tokens[n - 1], "value")
            if ends:
                value = None
            elif depth == 0 and tokens[n].text == "=":
                value = n + 1
            depth += (tokens[n].text in OPENING) - (tokens[n].text in OPENING.values())

    def declares(self, tokens):
        if tokens[0].text in TYPES or tokens[0].text.endswith("_t") or (tokens[0].text == "(" and len(tokens) == 4):
            return True
        return len(tokens) > 1 and tokens[0].kind == "name" and tokens[0].text not in ("continue", "break") and \
            (tokens[1].kind == "name" or (tokens[1].text == "*" and not self.wide(tokens[1])))

    def result(self, tokens, i, end, name, kind):
        if end == i + 1:
            self.place(tokens[i], tokens[end], "statement")
            self.add("deletion", name, tokens[i], tokens[i], "")
            return
        first, last = tokens[i + 1], tokens[end - 1]
        self.place(first, last, "value")
        text = self.text[first.start:last.end]
        if kind == "bool" and text not in ("true", "false"):
            if not self.one_relation(tokens[i + 1:end]):
                self.add("result", name, first, last, "!(%s)" % text)
            self.add("result", name, first, last, "true")
            self.add("result", name, first, last, "false")
        elif kind == "pointer" and text != "NULL":
            self.add("result", name, first, last, "NULL")
        elif kind == "number":
            if first.kind != "number" or end != i + 2:
                self.add("result", name, first, last, "(%s) + 1" % text)
                self.add("result", name, first, last, "0")

    def mutants(self):
        counts, seen = {}, set()
        for line, operator, function, start, end, last, text in sorted(self.found, key=lambda f: (f[0], f[3], f[4], f[6])):
            if (start, end, text) in seen:
                continue
            seen.add((start, end, text))
            n = counts[line, operator] = counts.get((line, operator), 0) + 1
            begin = sum(len(l) + 1 for l in self.lines[:line - 1])
            stop = begin + len("\n".join(self.lines[line - 1:last]))
            before = " ".join(self.text[begin:stop].split())
            after = " ".join((self.text[begin:start] + text + self.text[end:stop]).split())
            place = next((p for p in self.places if p.start <= start and end <= p.end), None)
            yield Mutant("%s:%d:%s:%d" % (self.file, line, operator, n), self.file, line, operator, function, before, after, start, end, text, place,
                         self.keepers(line, last))


# All mutants of the files. builds: pairs of a compiler, with its arguments, and what it compiles; other files are looked at where these
# include them.
def of_files(files, builds):
    kept = [kept_lines(compiler, units) for compiler, units in builds]
    for file in files:
        with open(file) as f:
            yield from Source(file, f.read(), [lines.get(file, set()) for lines in kept]).mutants()


def main():
    cut = sys.argv.index("--")
    files = sys.argv[cut + 1:]
    for m in of_files(files, [(sys.argv[1:cut], [f for f in files if f.endswith(".c")])]):
        print("%s\t%s\n- %s\n+ %s" % (m.name, m.function, m.before, m.after))


if __name__ == "__main__":
    main()
