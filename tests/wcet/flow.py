# SPDX-License-Identifier: MIT
#
# flow.py - a linked image as functions made of blocks: what objdump prints, read as a graph of what can follow what.
#
# Promise: an instruction that may leave the straight line and is not understood is an error, never taken for an ordinary one: a
# table of jumps, a computed jump, a write to the program counter, data that is run into.
# Invariant: a block ends behind an instruction that may jump, and before one that is jumped to; calls lie within it.
# Must not know: the allocator, what a path costs.
#
# Reads what GNU objdump -d prints for Thumb, RISC-V and x86.
import bisect
import re
import subprocess


class Unclear(Exception):
    """The image holds something that is not understood."""


# What an instruction does: falls (to the next one), jumps (target), branches (target or the next one), calls (target, then the next
# one), leaves (returns), leaves_or_falls, through (a pointer), calls_through, or stops (traps).
class Instruction:
    __slots__ = ("address", "text", "does", "target")

    def __init__(self, address, text, does, target):
        self.address, self.text, self.does, self.target = address, text, does, target


class Block:
    __slots__ = ("instructions", "after", "leaves")

    def __init__(self):
        self.instructions, self.after, self.leaves = [], [], False

    @property
    def address(self):
        return self.instructions[0].address


CONDITIONS = "eq ne cs cc mi pl vs vc hi ls ge lt gt le hs lo".split()
THUMB_BRANCHES = {"b" + c for c in CONDITIONS} | {"cbz", "cbnz"}
RISCV_BRANCHES = set("beq bne blt bge bltu bgeu bgt ble bgtu bleu beqz bnez blez bgez bltz bgtz".split())
X86_JUMP = re.compile(r"j[a-z]+$")


def conditional(name, stem):
    return name[: len(stem)] == stem and name[len(stem):] in CONDITIONS


def thumb(name, operands):
    """What a Thumb instruction does; inside an IT block the name ends in a condition, and the instruction counts either way."""
    name = re.sub(r"\.[nw]$", "", name)
    if name == "b":
        return "jumps"
    if name in THUMB_BRANCHES:
        return "branches"
    if name == "bl" or conditional(name, "bl"):
        return "calls"
    if name == "blx" or conditional(name, "blx"):
        return "calls_through" if re.match(r"(r\d+|ip|sl|fp|lr)$", operands) else "calls"
    for stem in ("bx", "pop", "ldmia", "ldr", "mov"):
        if name != stem and not conditional(name, stem):
            continue
        falls = name != stem
        if stem == "bx":
            back = operands == "lr"
        elif stem in ("pop", "ldmia"):
            if "pc" not in operands:
                return "falls"
            back = stem == "pop" or operands.startswith("sp!")
        else:
            if not operands.startswith("pc"):
                return "falls"
            back = operands == "pc, lr" or operands.startswith("pc, [sp], #")
        if back:
            return "leaves_or_falls" if falls else "leaves"
        return None if falls else "through"
    if name in ("udf", "bkpt"):
        return "stops"
    if name in ("tbb", "tbh") or re.match(r"pc\b", operands) or name.startswith((".", "svc")):
        return None
    return "falls"


def riscv(name, operands):
    if name in ("j", "jal"):
        return "jumps" if name == "j" else "calls"
    if name in RISCV_BRANCHES:
        return "branches"
    if name in ("ret", "jr", "jalr"):
        return {"ret": "leaves", "jr": "through", "jalr": "calls_through"}[name]
    if name in ("ebreak", "unimp"):
        return "stops"
    return None if name.startswith(".") or name in ("ecall", "mret") else "falls"


def x86(name, operands):
    if name in ("notrack", "bnd"):
        name, _, operands = operands.partition(" ")
    if name in ("call", "callq", "jmp", "jmpq"):
        calls = name.startswith("call")
        if operands.lstrip().startswith("*"):
            return "calls_through" if calls else "through"
        return "calls" if calls else "jumps"
    if name.startswith("ret"):
        return "leaves"
    if X86_JUMP.match(name):
        return "branches"
    if name in ("ud2", "int3", "hlt"):
        return "stops"
    return None if name.startswith((".", "(bad)", "loop", "int", "iret", "sys", "rep")) else "falls"


READERS = {"arm": thumb, "riscv": riscv, "i386": x86}


class Image:
    """The instructions of an image, its functions, and where in the source each of them comes from."""

    def __init__(self, tools, elf):
        self.tools, self.elf = tools, elf
        self.listing, self.names, self.frames_of = {}, {}, {}
        text = self.run("objdump", "-d", "--no-show-raw-insn", elf)
        machine = re.search(r"file format elf\d\d-(?:little|big)?(\w+)", text)
        kind = machine.group(1) if machine else "?"
        self.word = 64 if "file format elf64" in text else 32
        reader = READERS.get({"x86": "i386"}.get(kind, kind))
        if reader is None:
            raise Unclear(f"{elf}: no reader for {kind}")
        for line in text.splitlines():
            label = re.match(r"([0-9a-f]+) <(.+)>:$", line)
            if label:
                self.names[int(label.group(1), 16)] = label.group(2)
                continue
            row = re.match(r"\s*([0-9a-f]+):\t(\S+)\s*(.*)$", line)
            if row:
                self.read(reader, int(row.group(1), 16), row.group(2), row.group(3))
        self.addresses = sorted(self.listing)
        self.starts = sorted(self.names)
        # gcc takes the call for a jump that is too far for Thumb-1's own; the return address is on the stack then.
        for i in self.listing.values():
            if kind == "arm" and i.does == "calls" and i.target not in self.names and self.name_at(i.target) == self.name_at(i.address):
                i.does = "jumps"
        for i in self.listing.values():
            if i.does in ("calls", "jumps") and self.traps(i.target):
                i.does = "stops"

    def run(self, tool, *arguments, **more):
        return subprocess.run([self.tools + tool, *arguments], check=True, capture_output=True, text=True, **more).stdout

    def read(self, reader, address, name, rest):
        operands = re.split(r"\s*[@#;]\s", rest)[0].strip()
        does = reader(name, operands)
        target = None
        if does in ("jumps", "branches", "calls"):
            where = re.search(r"(?:^|[\s,])([0-9a-f]+) <", operands)
            if where is None:
                does = None
            else:
                target = int(where.group(1), 16)
        self.listing[address] = Instruction(address, f"{name} {operands}".strip(), does, target)

    def name_at(self, address):
        """The symbol that an address lies in. The part of a function that gcc moves away counts as the function."""
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[self.starts[at]] if at >= 0 else "?"

    def address_of(self, name):
        found = [a for a, n in self.names.items() if n == name]
        if len(found) != 1:
            raise Unclear(f"{self.elf}: {len(found)} functions are called {name}")
        return found[0]

    def traps(self, address):
        """Does nothing but a trap come from there? What lies behind a call of it is not code then."""
        while address in self.listing and self.listing[address].does == "falls":
            address = self.next_to(address)
        return address in self.listing and self.listing[address].does == "stops"

    def begins_function(self, address):
        return address in self.names and ".cold" not in self.names[address]

    def next_to(self, address):
        at = bisect.bisect_right(self.addresses, address)
        return self.addresses[at] if at < len(self.addresses) else None

    def reach(self, entry):
        """The addresses that a call of a function may run in it, and those of them at which blocks begin."""
        seen, begins, todo = set(), {entry}, [entry]
        while todo:
            address = todo.pop()
            if address in seen:
                continue
            if address not in self.listing:
                raise Unclear(f"{self.elf}: no instruction at {address:#x}, reached from {self.name_at(entry)}")
            i = self.listing[address]
            if i.does is None:
                raise Unclear(f"{self.elf}: {address:#x} in {self.name_at(entry)}: not understood: {i.text}")
            seen.add(address)
            if i.does in ("jumps", "branches") and not self.is_tail_call(entry, i):
                begins.add(i.target)
                todo.append(i.target)
            if i.does in ("falls", "branches", "calls", "calls_through", "leaves_or_falls"):
                follows = self.next_to(address)
                # What lies behind a call of a function that does not return may be another function.
                if follows is None or (self.begins_function(follows) and follows != entry):
                    if i.does in ("calls", "calls_through"):
                        continue
                    raise Unclear(f"{self.elf}: {self.name_at(entry)} runs into what lies behind it at {address:#x}")
                if i.does in ("branches", "leaves_or_falls"):
                    begins.add(follows)
                todo.append(follows)
        return seen, begins

    def is_tail_call(self, entry, i):
        return i.does in ("jumps", "branches") and i.target != entry and self.begins_function(i.target)

    def blocks(self, entry):
        """The blocks of the function at that address, by their own; what lies behind a call that never returns may be missing."""
        seen, begins = self.reach(entry)
        blocks = {}
        for address in sorted(begins):
            block = blocks[address] = Block()
            while address in seen:
                i = self.listing[address]
                block.instructions.append(i)
                if i.does in ("leaves", "leaves_or_falls", "through") or self.is_tail_call(entry, i):
                    block.leaves = True
                elif i.does in ("jumps", "branches"):
                    block.after.append(i.target)
                ends = i.does not in ("falls", "calls", "calls_through")
                address = self.next_to(address)
                if i.does in ("branches", "leaves_or_falls") or (not ends and address in begins and address in seen):
                    block.after.append(address)
                if ends or address in begins:
                    break
        return blocks

    def load_frames(self, addresses):
        """Asks where the instructions come from: for each the functions that were inlined there, outermost first, with file and
        line."""
        wanted = sorted(set(addresses) - set(self.frames_of))
        if not wanted:
            return
        text = self.run("addr2line", "-a", "-f", "-i", "-e", self.elf, input="\n".join(map(hex, wanted)))
        frames = None
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("0x"):
                frames = self.frames_of[int(line, 16)] = []
                continue
            file, _, number = next(lines).partition(" (")[0].rpartition(":")
            frames.insert(0, (line, file, int(number) if number.isdigit() else 0))
