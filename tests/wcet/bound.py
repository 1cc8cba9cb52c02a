# SPDX-License-Identifier: MIT
#
# bound.py - the most instructions that a call can take, from the linked image and what is stated of its loops.
#
#   bound.py [--measured FILE] [--path FUNCTION/CASE] [--out FILE] TOOLS ELF FACTS SOURCE ...
#
# TOOLS is what the names of objdump and addr2line begin with; FACTS is a file like tests/wcet/loops, which describes its lines; the
# SOURCEs are where constants (#define NAME NUMBER) come from. Prints
#
#     bound FUNCTION CASE INSTRUCTIONS       the longest path
#     products FUNCTION CASE NUMBER          multiplications on it: a tag opened or sealed is one
#     path FUNCTION CASE INLINED NUMBER      instructions on it of each function of the source
#     calls FUNCTION CASE CALLED NUMBER      how often it enters each function of the image
#     most FUNCTION CASE INSTRUCTIONS        with --measured (run.sh's file): the longest call that was measured and that is possible in the case
#     unused LINE                            a line of FACTS that nothing in this image needed
#
# --path shows a longest path, block by block.
#
# Promise: the longest path through the graph of blocks, each loop run as often as FACTS says. A loop of which nothing is said, a
# pointer that is called and not named, recursion, and what flow.py does not understand end the run with status 1; so does a function
# that is stated to be of some length and found to be of another, and a measured call that went where its case says none goes. The
# path need not be possible: conditions that exclude each other are not known here.
# Must not know: the allocator.
import argparse
import collections
import os
import re
import sys

sys.dont_write_bytecode = True
import flow


class Facts:
    """What is stated of the code: see the head of tests/wcet/loops."""

    def __init__(self, path, constants):
        self.path, self.constants = path, constants
        self.loops, self.never, self.through, self.known = [], [], [], []
        self.cases = collections.defaultdict(list)     # name: [(values, functions)]
        self.used, self.lines = set(), {}
        readers = {"loop": self.loop, "never": self.excluded, "through": self.pointer, "case": self.case, "known": self.certain}
        with open(path) as file:
            for number, line in enumerate(file, 1):
                words = [word.strip() for word in line.split("|")]
                if line.startswith("#") or words == [""]:
                    continue
                if words[0] not in readers:
                    raise flow.Unclear(f"{path}:{number}: not understood: {line.strip()}")
                self.lines[number] = line.strip()
                try:
                    readers[words[0]](number, *words[1:])
                except (TypeError, ValueError):
                    raise flow.Unclear(f"{path}:{number}: not understood: {line.strip()}") from None

    def loop(self, number, function, most, text, reason):
        self.loops.append((number, function, most, text, reason))

    def excluded(self, number, chain, when, reason):
        self.never.append((number, chain.split(">"), when, reason))

    def pointer(self, number, text, callee, when, reason):
        self.through.append((number, text, callee, when, reason))

    def case(self, number, name, values, functions, reason):
        self.cases[name].append((dict(self.parse(v) for v in values.split()), functions.split()))
        self.used.add(number)

    def certain(self, number, function, count, reason):
        self.known.append((function, int(count)))
        self.used.add(number)

    def parse(self, text):
        name, _, value = text.partition("=")
        return name, value

    def value(self, text, case):
        names = dict(self.constants)
        names.update({name: self.value(v, {}) if v else 1 for name, v in case.items()})
        names.update(min=min, max=max)
        try:
            return int(eval(text, {"__builtins__": {}}, names))
        except (NameError, SyntaxError) as error:
            raise flow.Unclear(f"{self.path}: {text}: {error}") from None

    def holds(self, when, case):
        """when: `always`, or names that the case must have, those behind a `!` must not."""
        return when == "always" or all((word.lstrip("!") in case) != word.startswith("!") for word in when.split())

    def unused(self):
        return [line for number, line in self.lines.items() if number not in self.used]


# A path's length and its pieces, a tree: a block, (times, path), or (path, path).
Path = collections.namedtuple("Path", "length pieces")
NOTHING = Path(0, None)


def joined(a, b):
    return Path(a.length + b.length, (a, b))


def repeated(path, times):
    return Path(path.length * times, (times, path)) if times != 0 else NOTHING


def longer(a, b):
    return b if a is None or (b is not None and b.length > a.length) else a


def components(nodes, after):
    """The strongly connected parts of a graph, each before those that it leads to (Tarjan, without recursion)."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(after(root)))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(after(other))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    part = set()
                    while node not in part:
                        part.add(stack.pop())
                        on_stack.discard(node)
                        on_stack -= part
                    found.append(part)
    return found[::-1]


class Bounds:
    """The longest paths of an image's functions under one case."""

    def __init__(self, image, facts, sources, case):
        self.image, self.facts, self.sources, self.case = image, facts, sources, case
        self.done, self.doing = {}, []
        self.walked = set()    # addresses of the blocks that no statement excludes

    # Where an instruction comes from, as names, outermost first, with what it calls, if anything, last.
    def chain(self, i, callee=None):
        names = [name.partition(".")[0] for name, _, _ in self.image.frames_of[i.address]]
        return names + [callee.partition(".")[0]] if callee else names

    def source_lines(self, i):
        return [(name.partition(".")[0], self.sources.line(file, number)) for name, file, number in self.image.frames_of[i.address]]

    def is_excluded(self, i, callee):
        for number, wanted, when, _ in self.facts.never:
            rest = iter(self.chain(i, callee))
            if callee.partition(".")[0] == wanted[-1] and all(word in rest for word in wanted):
                self.facts.used.add(number)
                if self.facts.holds(when, self.case):
                    return True
        return False

    def callees_through(self, i):
        """The functions that a call through a pointer may reach, as its line in the source names it."""
        lines = [text for _, text in self.source_lines(i)]
        for number, wanted, callee, when, _ in self.facts.through:
            if any(wanted in text for text in lines) and self.facts.holds(when, self.case):
                self.facts.used.add(number)
                return [] if callee == "-" else [self.image.address_of(callee)]
        raise flow.Unclear(f"{self.place(i)}: calls through a pointer that is not named: {lines[-1]}")

    def place(self, i):
        name, file, number = self.image.frames_of[i.address][-1]
        return f"{self.image.elf}: {i.address:#x} ({name}, {os.path.basename(file)}:{number})"

    def block_path(self, entry, block):
        """What one run of a block takes, calls and a tail call included; None: none comes to its end."""
        path = Path(len(block.instructions), block)
        for i in block.instructions:
            if i.does == "stops":
                return None
            callees = None
            if i.does == "calls" or self.image.is_tail_call(entry, i):
                callees = [] if self.is_excluded(i, self.image.name_at(i.target)) else [i.target]
            elif i.does in ("calls_through", "through"):
                callees = self.callees_through(i)
            if callees is None:
                continue
            longest = None
            for callee in callees:
                longest = longer(longest, self.function(callee))
            if longest is None:
                # A conditional jump to another function that is excluded may still fall through.
                if i.does == "branches":
                    continue
                return None
            path = joined(path, longest)
        return path

    def function(self, entry):
        """The longest path from the entry of a function to its return; None if it never returns."""
        if entry in self.doing:
            raise flow.Unclear(f"{self.image.elf}: {self.image.name_at(entry)} calls itself")
        if entry in self.done:
            return self.done[entry]
        self.doing.append(entry)
        blocks = self.image.blocks(entry)
        self.image.load_frames(i.address for block in blocks.values() for i in block.instructions)
        weights, todo = {}, [entry]
        while todo:
            address = todo.pop()
            path = None if address in weights else self.block_path(entry, blocks[address])
            if path is not None:
                weights[address] = path
                todo += blocks[address].after
        longest = None
        for address, path in self.solve(blocks, weights, {entry: NOTHING}).items():
            self.walked.update(i.address for i in blocks[address].instructions)
            if blocks[address].leaves:
                longest = longer(longest, path)
        self.doing.pop()
        self.done[entry] = longest
        return longest

    def solve(self, blocks, weights, sources):
        """The longest path from a source to the end of each block that can be reached."""
        def after(address):
            return [a for a in blocks[address].after if a in weights]

        arrives, ends = dict(sources), {}
        for part in components([a for a in sources if a in weights], after):
            inputs = {a: arrives[a] for a in part if a in arrives}
            address = next(iter(part))
            if len(part) == 1 and address not in after(address):
                results = {address: joined(inputs[address], weights[address])} if inputs else {}
            else:
                results = self.solve_loop(blocks, weights, part, inputs)
            for address, path in results.items():
                ends[address] = path
                for other in after(address):
                    if other not in part:
                        arrives[other] = longer(arrives.get(other), path)
        return ends

    def solve_loop(self, blocks, weights, part, inputs):
        """The same within a loop, one of whose blocks runs so many times at most, and without which nothing repeats."""
        middle, most = self.middle_of(blocks, part, set(inputs))
        rest = {a: weights[a] for a in part if a != middle}
        results = self.solve(blocks, rest, {a: path for a, path in inputs.items() if a != middle})
        if most == 0:
            return results
        first = inputs.get(middle)
        for address, path in results.items():
            if middle in blocks[address].after:
                first = longer(first, path)
        if first is None:
            return results
        behind = self.solve(blocks, rest, {a: NOTHING for a in blocks[middle].after if a in rest})
        back = NOTHING if middle in blocks[middle].after else None
        for address, path in behind.items():
            if middle in blocks[address].after:
                back = longer(back, path)
        last = joined(first, weights[middle])
        if back is not None:
            last = joined(last, repeated(joined(back, weights[middle]), most - 1))
        results[middle] = last
        for address, path in behind.items():
            results[address] = longer(results.get(address), joined(last, path))
        return results

    def middle_of(self, blocks, part, entries):
        """A block of a loop that runs no more often than stated, and how often that is."""
        text = None
        for number, function, most, wanted, _ in self.facts.loops:
            for address in sorted(part):
                if not self.is_of(blocks[address], function, wanted) or (wanted == "-" and len(part) != 1):
                    continue
                inner = self.loops_within(blocks, part - {address})
                if inner and not self.is_outer(blocks, part, entries, address, inner):
                    text = "a loop in a loop"
                    continue
                self.facts.used.add(number)
                return address, self.facts.value(most, self.case)
        where = blocks[min(part)].instructions[0]
        chain = " > ".join(self.chain(where))
        raise flow.Unclear(f"{self.place(where)}: {text or 'a loop of which nothing is stated'}, in {chain}")

    @staticmethod
    def loops_within(blocks, part):
        """The parts of some blocks that repeat."""
        return [p for p in components(part, lambda a: [b for b in blocks[a].after if b in part])
                if len(p) > 1 or next(iter(p)) in blocks[next(iter(p))].after]

    def is_outer(self, blocks, part, entries, address, inner):
        """Does that block bound a loop around others, each of which has a statement of its own? It is in none of those, and they are
        not where the loop is entered: between two runs of it each is entered once at most."""
        if any(p & entries or not self.is_stated(blocks, p) for p in inner):
            return False
        return address in entries or not any(address in p for p in self.loops_within(blocks, part - entries))

    def is_stated(self, blocks, part):
        return any((wanted != "-" or len(part) == 1) and any(self.is_of(blocks[a], function, wanted) for a in part)
                   for _, function, _, wanted, _ in self.facts.loops)

    def is_of(self, block, function, wanted):
        return any(name == function and (wanted == "-" or wanted in text)
                   for i in block.instructions for name, text in self.source_lines(i))


class Sources:
    def __init__(self, paths):
        self.texts = {}
        for path in paths:
            with open(path) as file:
                self.texts[os.path.basename(path)] = file.read().splitlines()

    def line(self, file, number):
        text = self.texts.get(os.path.basename(file), [])
        return text[number - 1] if 0 < number <= len(text) else ""

    def constants(self):
        found = {}
        for text in self.texts.values():
            for line in text:
                row = re.match(r"#define (\w+) (\d+)\b", line)
                if row:
                    found[row.group(1)] = int(row.group(2))
        return found


def blocks_of(path, times, counts):
    """How often the path runs each of its blocks."""
    todo = [(path, times)]
    while todo:
        path, times = todo.pop()
        if isinstance(path.pieces, flow.Block):
            counts[path.pieces.address][1] += times
            counts[path.pieces.address][0] = path.pieces
        elif path.pieces is not None:
            a, b = path.pieces
            todo += [(b, times * a)] if isinstance(a, int) else [(a, times), (b, times)]


def spent(image, path):
    """Where the path spends its instructions, by function of the source, and how many multiplications are among them."""
    counts = collections.defaultdict(lambda: [None, 0])
    blocks_of(path, 1, counts)
    functions = collections.Counter()
    products = 0
    for block, times in counts.values():
        for i in block.instructions:
            functions[image.frames_of[i.address][-1][0].partition(".")[0]] += times
            products += times * bool(re.match(r"(i?mul|mla|mls)", i.text))
    return functions, products, counts


def show_path(image, facts, sources, path):
    counts = collections.defaultdict(lambda: [None, 0])
    blocks_of(path, 1, counts)
    lines = Bounds(image, facts, sources, {})
    for address in sorted(counts):
        block, times = counts[address]
        i = block.instructions[0]
        print(f"{times:4} x {len(block.instructions):3}  {address:#x}  {' > '.join(lines.chain(i))}  {lines.source_lines(i)[-1][1].strip()}")


def dearest_calls(path):
    """The dearest call of each function in each phase: the function, the case that the phase belongs to, its length, and where it
    went. A realloc copies: it counts only where that is a few words."""
    names, phases, calls = {}, {}, {}
    with open(path) as file:
        rows = [line.split() for line in file]
    for row in rows:
        if row[0] == "name":
            names[row[1]] = row[2]
        elif row[0] == "phase":
            phases[row[1]] = row[2], {"refused": "refused", "little": "little", "last": "last", "regions": f"regions/{row[4]}"}.get(row[2], "any")
        elif row[0] == "worst" and (names[row[2]] != "fh_realloc" or phases[row[1]][0] in ("worst", "huge")):
            calls[row[1], row[2]] = names[row[2]], phases[row[1]][1], int(row[4]), set()
        elif row[0] == "step" and (row[1], row[2]) in calls:
            calls[row[1], row[2]][3].add(int(row[3], 16))
    return calls.values()


def compare(image, path, runs, bad):
    """The longest measured call of each case. What a phase did must be possible in its case; it counts for each case that it is
    possible in, but that blocks do not show how deep a tree of regions is, and how long a list."""
    most = collections.defaultdict(int)
    for function, own, length, addresses in dearest_calls(path):
        addresses &= image.listing.keys()
        for (name, case), variants in runs.items():
            if name != function or (own != case and own.startswith(("regions", "little", "last"))):
                continue
            if any(addresses <= run.walked for run in variants):
                most[name, case] = max(most[name, case], length)
            elif case == own:
                where = min(addresses - variants[-1].walked)
                bad(f"{image.elf}: {function} went through {where:#x} ({image.name_at(where)}), which {case} excludes")
    return most


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--measured")
    parser.add_argument("--path", default="")
    parser.add_argument("--out")
    parser.add_argument("tools")
    parser.add_argument("elf")
    parser.add_argument("facts")
    parser.add_argument("sources", nargs="*")
    options = parser.parse_args()
    if options.out:
        sys.stdout = open(options.out, "w")
    failures = []

    def bad(text):
        print(f"bound.py: {text}", file=sys.stderr)
        failures.append(text)

    sources = Sources(options.sources)
    image = flow.Image(options.tools, options.elf)
    facts = Facts(options.facts, sources.constants())
    facts.constants["word"] = image.word
    for function, count in facts.known:
        found = Bounds(image, facts, sources, {}).function(image.address_of(function))
        if found is None or found.length != count:
            bad(f"{options.elf}: {function} is {found and found.length} instructions long, not {count}")
    runs, longest = collections.defaultdict(list), {}
    for name, variants in facts.cases.items():
        for case, functions in variants:
            run = Bounds(image, facts, sources, case)
            for function in functions:
                path = run.function(image.address_of(function))
                if path is None:
                    bad(f"{options.elf}: {function} never returns in the case {name}")
                    continue
                runs[function, name].append(run)
                longest[function, name] = longer(longest.get((function, name)), path)
    for (function, name), path in longest.items():
        print("bound", function, name, path.length)
        functions, products, counts = spent(image, path)
        print("products", function, name, products)
        for source, count in functions.most_common():
            print("path", function, name, source, count)
        for address, (_, times) in counts.items():
            if image.begins_function(address):
                print("calls", function, name, image.name_at(address), times)
    if options.path:
        show_path(image, facts, sources, longest[tuple(options.path.split("/"))])
    for line in facts.unused():
        print("unused", line)
    if options.measured:
        for (function, name), length in compare(image, options.measured, runs, bad).items():
            print("most", function, name, length)
    sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except flow.Unclear as unclear:
        print(f"bound.py: {unclear}", file=sys.stderr)
        sys.exit(1)
