# SPDX-License-Identifier: MIT
#
# run.py - builds each mutant, lets the tests loose on it, and says which of them nobody noticed.
#
# Promise: a mutant counts as killed only if a test failed that passes without it, or if it is refused with those warnings, of the ones
# that the tests are compiled with, that are about its meaning. One that survives every program is equivalent
# if the compiler makes the same code of it, or if the list of equivalents has it with a reason; else it fails the run. So does
# an entry of that list that no mutant needs.
# A mutant is judged in the first build of the core that compiles its lines, by the programs of that build; and where the compiler makes
# the same code of it there, in the next one that compiles them.
# Invariant: each process works in a copy of the tree of its own; the tree itself is only read.
# Must not know: what the sources are about, or which changes are made to them (mutants.py).
#
# All mutants of a function, or of a header, are compiled together, and one is chosen as the program starts (schemata.py): to
# compile each by itself would take most of the time. What kills a mutant there must pass with none chosen; if it does not, or if
# the mutant has no place among the others, it is compiled by itself.
#
# The programs are tried in the order in which they are given, cheapest first. Within one, the files of tests that killed the
# last mutants of the same function come first, then the one named after the source, then the quickest. A test that uses more than
# three times the processor time that it needs is ended: a mutant may loop for ever.
import argparse
import collections
import fnmatch
import hashlib
import json
import multiprocessing
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

import mutants as generator
import schemata

MEMORY = 2 << 30    # of address space, where the tests do with it
LIKELY = 4          # so many files of tests are tried before it is asked whether the code is the same
SAME = "="          # stands for what kills a mutant whose code is the same


def key_of(m):
    return m.file, m.function, m.before, m.after


# A program of tests: how core and tests are compiled and linked, of what, and what is run of it.
class Program:
    def __init__(self, text, core):
        self.name, compile_core, compile_tests, link, tests, runs = [part.strip() for part in text.split("|")]
        self.compile_core = shlex.split(compile_core)
        self.compile_tests = shlex.split(compile_tests)
        self.link = shlex.split(link)
        self.core = core
        self.tests = tests.split()
        self.needs = {}     # source: the headers that it includes
        self.limits = {}    # run: (seconds at most, bytes at most, seconds needed)
        # Either all tables of the tests, or one run with these arguments.
        kind, *words = shlex.split(runs)
        self.launcher, self.excused = [], []
        if kind == "by":
            self.launcher, kind, words = [words[0]], words[1], words[2:]
        if kind == "less":
            self.excused, kind, words = read_names(words[0]), words[1], words[2:]
        self.runs = [(self.name, words)] if kind == "once" else list(self.tables(words))

    # The run that a file of tests is, or None: it belongs to all of them.
    def run_of(self, source):
        name = "/".join(source[:-2].split("/")[-2:])
        return name if name in self.limits else None

    # One run for each file of tests in the folders named, or named itself.
    def tables(self, words):
        for file in self.tests:
            folder, name = file[:-2].split("/")[-2:]
            if (folder in words or folder + "/" + name in words) and not self.excuses("%s/%s/*" % (self.name, name)):
                yield folder + "/" + name, [self.name, folder, name]

    # May that test fail, because it says nothing about this program?
    def excuses(self, test):
        return any(fnmatch.fnmatchcase(test, pattern) for pattern in self.excused)

    def command(self, source):
        return self.compile_core if source in self.core else self.compile_tests

    def object(self, folder, source):
        return "%s/%s/%s.o" % (folder, self.name, source.replace("/", "-"))

    def compile(self, source, folder, cwd, more=()):
        return self.complaint(source, folder, cwd, more) is None

    # What the compiler says if it refuses the source.
    def complaint(self, source, folder, cwd, more=()):
        done = subprocess.run(self.command(source) + ["-w", *more, "-c", source, "-o", self.object(folder, source)], cwd=cwd,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, errors="replace")
        return done.stderr if done.returncode != 0 else None

    def link_all(self, objects, output, cwd):
        return subprocess.run(self.link + objects + ["-o", output], cwd=cwd, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def headers_of(self, source, cwd):
        out = subprocess.run(self.command(source) + ["-MM", source], cwd=cwd, stdout=subprocess.PIPE, check=True, universal_newlines=True)
        return set(os.path.normpath(word) for word in out.stdout.replace("\\\n", " ").split()[1:])


# A file of names with stars in them, and of comments, as tests/harden/apart.awk reads it.
def read_names(name):
    with open(name) as f:
        return [line.split()[0] for line in f if line.strip() and not line.startswith("#")]


# A way to build the core: the compilers' arguments for it, its sources, and the programs whose core is built so, in their order.
class Build:
    def __init__(self, options, flags, core, programs):
        self.flags = flags
        self.core = core
        self.equal = [shlex.split(text) + flags for text in options.equal]
        self.warned = shlex.split(options.warned) + flags if options.warned else []
        self.programs = programs

    # The sources that a change to that file may change.
    def touched(self, file):
        return [s for s in self.core if file in self.programs[0].needs[s]]


# What to put before a command so that it ends after that much processor time, or gets no more memory. A function that Python calls between fork
# and exec would do the same, but makes it fork: with all that it holds, that takes longer than most of the tests.
def limit(seconds, memory):
    words = ["prlimit", "--core=0:0"]
    if seconds:
        words.append("--cpu=%d:%d" % (seconds, seconds + 1))
    if memory:
        words.append("--as=%d:%d" % (memory, memory))
    return words


# Runs a part of the tests. Returns what failed first, or None, and the lines `pass`.
def attempt(p, program, argv, seconds, memory, cwd):
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:symbolize=0", SEED="")
    child = subprocess.Popen(limit(seconds, memory) + p.launcher + [program] + argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             stdin=subprocess.DEVNULL, start_new_session=True, env=environment, universal_newlines=True, cwd=cwd, errors="replace")
    passed, failed = 0, None
    for line in child.stdout:
        passed += line.startswith("pass ")
        if line.startswith("fail ") and not p.excuses(line.split()[1]):
            failed = line.split()[1]
            break
    if failed is not None:
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    if failed is None and status != 0:
        failed = "%s ended with %d" % (" ".join(argv[:3]), status)
    return failed, passed


class Bench:
    def __init__(self, options):
        self.options = options
        main = options.core or [f for f in options.sources if f.endswith(".c")]
        cores, also = {}, []
        for text in options.also:
            flags, names, *core = [shlex.split(part) for part in text.split("|")]
            core = core[0] if core else main
            also.append((flags, core, names))
            cores.update((name, core) for name in names)
        named = [(text.split("|")[0].strip(), text) for text in options.program]
        self.programs = [Program(text, cores.get(name, main)) for name, text in named if name in (options.programs or name).split()]
        self.builds = [Build(options, [], main, [p for p in self.programs if p.name not in cores])]
        self.builds += [Build(options, flags, core, [p for p in self.programs if p.name in names]) for flags, core, names in also]
        self.base = os.path.join(options.build, "base")
        self.chooser = os.path.join(self.base, "chooser")

    def copy(self, name):
        tree = os.path.join(self.options.build, name)
        shutil.rmtree(tree, ignore_errors=True)
        for folder in self.options.trees:
            shutil.copytree(folder, os.path.join(tree, folder), symlinks=True)
        return tree

    # Builds all that the builds need as it is, and finds out what each part of the tests needs. False if a test fails without any mutant.
    def prepare(self, builds):
        self.programs = [p for p in self.programs if any(p in build.programs for build in builds)]
        tree = self.tree = self.copy("tree")
        for p in self.programs:
            os.makedirs(os.path.join(self.base, p.name), exist_ok=True)
        for kind, text in (("h", schemata.HEADER), ("c", schemata.SOURCE)):
            with open(self.chooser + "." + kind, "w") as f:
                f.write(text)
        for p in self.programs:
            subprocess.run(p.compile_tests + ["-c", self.chooser + ".c", "-o", self.chooser + "-%s.o" % p.name], check=True, cwd=tree)
        jobs = [(p, source) for p in self.programs for source in p.core + p.tests]
        with multiprocessing.Pool(self.options.jobs) as pool:
            built = pool.starmap(build_one, [(p, source, self.base, tree) for p, source in jobs])
        for (p, source), (ok, needs) in zip(jobs, built):
            if not ok:
                print("mutate: %s does not compile for %s" % (source, p.name))
                return False
            p.needs[source] = needs
        return all([self.rehearse(p, tree) for p in self.programs])

    def rehearse(self, p, tree):
        program = os.path.join(self.base, p.name, "program")
        if not p.link_all([p.object(self.base, s) for s in p.core + p.tests], program, tree):
            print("mutate: %s does not link" % p.name)
            return False
        with open(program, "rb") as f:
            key = hashlib.sha256(repr((p.launcher, p.runs, p.excused)).encode() + f.read()).hexdigest()
        note = os.path.join(self.base, p.name, "limits-" + key)
        if os.path.exists(note):
            with open(note) as f:
                p.limits = json.load(f)
            return True
        for run, argv in p.runs:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            failed, passed = attempt(p, program, argv, 0, 0, tree)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if failed:
                print("mutate: %s fails without a mutant in %s" % (failed, p.name))
                return False
            # A test that wants more memory than there is may skip itself.
            content = attempt(p, program, argv, 0, MEMORY, tree) == (None, passed)
            used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            p.limits[run] = (1 + int(3 * used), MEMORY if content else 0, used)
        with open(note, "w") as f:
            json.dump(p.limits, f)
        return True


# What the last run left is good if command, source and headers are as they were.
def build_one(p, source, folder, tree):
    note = p.object(folder, source) + ".made-of"
    if os.path.exists(note):
        with open(note) as f:
            known = json.load(f)
        if known["key"] == contents_key(p.command(source), known["needs"], tree):
            return True, set(known["needs"])
        os.unlink(note)
    needs = p.headers_of(source, tree)
    done = p.compile(source, folder, tree)
    if done:
        with open(note, "w") as f:
            json.dump({"key": contents_key(p.command(source), needs, tree), "needs": sorted(needs)}, f)
    return done, needs


def contents_key(command, files, tree):
    key = hashlib.sha256(repr((command, sorted(files))).encode())
    for file in sorted(files):
        try:
            with open(os.path.join(tree, file), "rb") as f:
                key.update(hashlib.sha256(f.read()).digest())
        except OSError:
            return None
    return key.hexdigest()


# One process's tree, and what it has learnt.
class Worker:
    def __init__(self, bench, number):
        self.bench = bench
        self.tree = bench.copy("worker-%d" % number)
        self.folder = os.path.join(bench.options.build, "worker-%d" % number, "objects")
        for p in bench.programs:
            os.makedirs(os.path.join(self.folder, p.name))
        self.build = None   # the one that mutants are judged in
        self.killers = collections.defaultdict(list)
        self.codes = {}

    def code(self, command, source, quiet=("-w",)):
        output = os.path.join(self.folder, "code.o")
        done = subprocess.run(command + [*quiet, "-c", source, "-o", output], cwd=self.tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            return None
        with open(output, "rb") as f:
            return hashlib.sha256(f.read()).digest()

    # Is the code the same in each way of compiling?
    def same_code(self, m, text, ways=None):
        pairs = [(command, s) for command in ways or self.build.equal for s in self.build.touched(m.file)]
        lacking = [(i, s) for i, (command, s) in enumerate(pairs) if (tuple(command), s) not in self.codes]
        if lacking:
            self.write(m.file, text)
            for i, s in lacking:
                self.codes[tuple(pairs[i][0]), s] = self.code(*pairs[i])
            self.write(m.file, text[:m.start] + m.text + text[m.end:])
        return all(self.code(command, s) == self.codes[tuple(command), s] for command, s in pairs)

    # Does a compiler that takes warnings for errors, as it does for the tests, refuse it?
    def warned(self, m):
        command = self.build.warned
        return command != [] and any(self.code(command, s, []) is None for s in self.build.touched(m.file))

    def write(self, file, text):
        with open(os.path.join(self.tree, file), "w") as f:
            f.write(text)

    # The program, with what was compiled anew.
    def link(self, p, compiled, more=()):
        objects = [p.object(self.folder if s in compiled else self.bench.base, s) for s in p.core + p.tests] + list(more)
        program = os.path.join(self.folder, p.name, "program")
        return program if p.link_all(objects, program, self.tree) else None

    # What to compile for a change to that file, and what to run of it, in two parts: a header's mutant is killed by few tests, so the
    # other tests that include it are compiled only if it outlives these and those that do not include it.
    def parts(self, p, m):
        touched = [s for s in p.core + p.tests if m.file in p.needs[s]]
        runs = self.order(p, m)
        later = {} if len(runs) < 2 else {p.run_of(s): s for s in touched if p.run_of(s) is not None}
        for run, _ in runs[:2]:
            later.pop(run, None)
        first = [s for s in touched if s not in later.values()]
        yield first, [r for r in runs if r[0] not in later]
        if later:
            yield touched, [r for r in runs if r[0] in later]

    def order(self, p, m):
        own = os.path.basename(m.file)[:-2]
        recent = [self.killers[p.name, m.file, m.function], self.killers[p.name, m.file]]

        def rank(run):
            name = run[0]
            places = [r.index(name) if name in r else len(p.runs) for r in recent]
            return places[0], name.split("/")[-1] != own, places[1] + 20 * p.limits[name][2]
        return sorted(p.runs, key=rank)

    def learn(self, p, m, run):
        for known in (self.killers[p.name, m.file, m.function], self.killers[p.name, m.file]):
            if run in known:
                known.remove(run)
            known.insert(0, run)

    # Builds and runs a part. Returns what killed the mutant, "" if it does not build, None if it lives.
    def part(self, p, m, sources, compiled, runs):
        for source in sources:
            if source not in compiled and not p.compile(source, self.folder, self.tree):
                return ""
            compiled.add(source)
        program = self.link(p, compiled)
        if program is None:
            return ""
        for run, argv in runs:
            seconds, memory, _ = p.limits[run]
            failed, _ = attempt(p, program, argv, seconds, memory, self.tree)
            if failed:
                self.learn(p, m, run)
                return failed
        return None

    # Returns the verdict, and what killed it, of one that is compiled by itself for the programs from that number on. The tree has the
    # mutant; text is the file without.
    def judge(self, m, listed, number, text):
        for p in self.build.programs[number:]:
            compiled = set()
            for sources, runs in self.parts(p, m):
                killer = self.part(p, m, sources, compiled, runs)
                if killer is not None:
                    refused = killer == "" and p == self.build.programs[0]
                    return ("no C", "") if refused else ("killed", killer or p.name + " does not build")
            verdict = self.outlived(m, text, listed) if p == self.build.programs[0] else None
            if verdict:
                return verdict
        return "survived", ""

    # The verdict on one that outlived the first program, where it takes no other: these take their time. The tree has the mutant.
    def outlived(self, m, text, listed):
        if listed:
            return "survived", ""
        if self.same_code(m, text):
            return "equal", ""
        return ("killed", "warnings of the compiler") if self.warned(m) else None

    # The mutants of one function, or header, or those of a file that are in none, all of the same builds. Yields each with its verdict,
    # what killed it, and the time.
    def judge_all(self, group):
        builds = [self.bench.builds[i] for i in group[0][0].builds]
        for self.build in builds:
            # Most of those that are handed on are no change here either, and to see that takes less time than the tests. The first way of
            # compiling tells: what was no change in any of them before would hardly be one in the others alone.
            same = [m for m, _ in group
                    if self.build != builds[0] and self.apart(m, lambda text, m=m: self.same_code(m, text, self.build.equal[:1]))]
            left = [(m, known) for m, known in group if m not in same]
            results = [(m, "equal", "", 0) for m in same] + (list(self.judge_in_build(left)) if left else [])
            handed_on = [m for m, verdict, _, _ in results if verdict == "equal" and self.build != builds[-1]]
            yield from (result for result in results if result[0] not in handed_on)
            group = [(m, known) for m, known in group if m in handed_on]

    def judge_in_build(self, group):
        begin = time.time()
        listed = set(m for m, known in group if known)
        verdicts, alone = {}, [(m, 0) for m, _ in group if self.bench.options.apart or not m.place]
        left = [m for m, _ in group if (m, 0) not in alone]
        for number, p in enumerate(self.build.programs):
            found = self.together(p, left, listed, number == 0) if left else {}
            alone += [(m, number) for m in left if found.get(m, "") == ""]
            verdicts.update((m, ("equal", "") if killer == SAME else ("killed", killer)) for m, killer in found.items() if killer)
            left = [m for m in left if found.get(m, "") is None]
            if number == 0:
                verdicts.update((m, self.apart(m, lambda text, m=m: self.outlived(m, text, m in listed))) for m in left)
                left = [m for m in left if not verdicts[m]]
        verdicts.update((m, ("survived", "")) for m in left)
        share = (time.time() - begin) / len(group)
        for m, number in alone:
            begin = time.time()
            yield (m,) + self.apart(m, lambda text, m=m, number=number: self.judge(m, m in listed, number, text)) + (share + time.time() - begin,)
        for m, verdict in verdicts.items():
            if verdict:
                yield (m,) + verdict + (share,)

    # What f answers while the tree has that mutant; it is given the text without.
    def apart(self, m, f):
        with open(os.path.join(self.tree, m.file)) as file:
            text = file.read()
        self.write(m.file, text[:m.start] + m.text + text[m.end:])
        try:
            return f(text)
        finally:
            self.write(m.file, text)

    # What kills each of them in one program with them all, or None, or SAME; those that must be tried by themselves are not there.
    def together(self, p, mutants, listed, is_first):
        found, left = {}, mutants
        for sources, runs in list(self.parts(p, mutants[0])):
            if not left:
                break
            program, left = self.combine(p, left, sources)
            names, sound, outlived = set(run for run, _ in runs), {}, []
            for number, m in enumerate(left, 1):
                killer = self.let_loose(p, program, number, [r for r in self.order(p, m) if r[0] in names], sound, m,
                                       m in listed, is_first and m.file in p.core)
                if killer is None:
                    outlived.append(m)
                elif killer:
                    found[m] = killer
            left = outlived
        found.update((m, None) for m in left)
        return found

    # The program's file with all of them to choose from, and those that it has.
    def combine(self, p, mutants, sources):
        while mutants:
            file = mutants[0].file
            with open(os.path.join(self.bench.tree, file)) as f:
                text, owners = schemata.combine(f.read(), mutants)
            self.write(file, text)
            try:
                said = next(filter(None, (p.complaint(s, self.folder, self.tree, ["-include", self.bench.chooser + ".h"]) for s in sources)), None)
            finally:
                shutil.copy(os.path.join(self.bench.tree, file), os.path.join(self.tree, file))
            if said is None:
                program = self.link(p, set(sources), [self.bench.chooser + "-%s.o" % p.name])
                if program is None:
                    break
                with open(program, "rb") as f:
                    return f.read(), mutants
            blamed = schemata.blamed(said, file, owners)
            if not blamed:
                break
            mutants = [m for number, m in enumerate(mutants, 1) if number not in blamed]
        return None, []

    # Lets the tests loose on one of them. What kills it, None, SAME, or "" if what kills it kills the program with none chosen too.
    def let_loose(self, p, program, number, runs, sound, m, listed, may_be_same):
        # To look for the same code takes less time than all tests, but more than the few that are likely to kill.
        for run, argv in runs[:LIKELY] + [(None, None)] * (may_be_same and not listed) + runs[LIKELY:]:
            if run is None and self.apart(m, lambda text: self.same_code(m, text)):
                return SAME
            if run is None:
                continue
            killer = self.start(p, program, number, run, argv)
            # That a listed one is killed must be no accident, of memory or of time.
            if killer is None or (listed and self.start(p, program, number, run, argv) is None):
                continue
            if run not in sound:
                sound[run] = self.start(p, program, 0, run, argv) is None
            if not sound[run]:
                return ""
            self.learn(p, m, run)
            return killer
        return None

    def start(self, p, program, number, run, argv):
        name = os.path.join(self.folder, p.name, "chosen")
        # Another file each time: what the last one left behind may still be running.
        if os.path.exists(name):
            os.unlink(name)
        with open(name, "wb") as f:
            f.write(schemata.chosen(program, number))
        os.chmod(name, 0o755)
        seconds, memory, _ = p.limits[run]
        failed, _ = attempt(p, name, argv, seconds, memory, self.tree)
        return failed


worker = None
numbers = multiprocessing.Value("i", 0)


def start(bench):
    global worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with numbers.get_lock():
        number = numbers.value
        numbers.value += 1
    worker = Worker(bench, number)


def judge(group):
    return list(worker.judge_all(group))


# The mutants of each function, or header, together, but no more than these: one program with hundreds to choose from is slow.
TOGETHER = 40


def groups_of(chosen, entries):
    groups = collections.defaultdict(list)
    for m in chosen:
        # What includes a header takes long to compile: those of all its functions go together.
        groups[m.file, m.function if m.file.endswith(".c") else "", m.builds].append((m, key_of(m) in entries))
    return [group[i:i + TOGETHER] for group in groups.values() for i in range(0, len(group), TOGETHER)]


# The list of equivalents: paragraphs of `FILE FUNCTION`, lines `- ` as they are, each followed by lines `+ ` as they would be,
# and lines `= ` that say why. A line beginning with # is a comment.
def read_list(name):
    entries, problems = {}, []
    if not name:
        return entries, problems
    place, before, waiting, number = None, None, [], 0
    with open(name) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.startswith("#") or not line.strip():
                continue
            if line.startswith("- ") and place:
                before = line[2:]
            elif line.startswith("+ ") and before:
                entry = place + (before, line[2:])
                if entry in entries:
                    problems.append("%s:%d: is there twice" % (name, number))
                entries[entry] = number
                waiting.append(entry)
            elif line.startswith("= ") and before and len(line) > 12:
                waiting = []
            elif re.match(r"\S+ \S+$", line) and not waiting:
                place, before = tuple(line.split()), None
            else:
                problems.append("%s:%d: not understood: %s" % (name, number, line))
    if waiting:
        problems.append("%s:%d: without a reason" % (name, number))
    return entries, problems


def arguments():
    a = argparse.ArgumentParser()
    a.add_argument("--build", required=True, type=os.path.abspath)
    a.add_argument("--sources", required=True, nargs="+")
    a.add_argument("--core", nargs="+", help="what the core is made of, if not of each .c among the sources")
    a.add_argument("--trees", required=True, nargs="+", help="the folders that the compilers read")
    a.add_argument("--reader", required=True, help="the compiler that says which lines are built")
    a.add_argument("--equal", action="append", default=[], help="a compiler whose code tells whether a change is one")
    a.add_argument("--program", action="append", required=True,
                   help="NAME | COMPILE CORE | COMPILE TESTS | LINK | FILES | [by LAUNCHER] [less NAMES] tables FOLDERS or once ARGUMENTS")
    a.add_argument("--also", action="append", default=[], help="another build of the core, FLAGS | PROGRAMS, or another core, FLAGS | PROGRAMS | FILES; the other programs are of the one without flags")
    a.add_argument("--warned", default="", help="a compiler that refuses what it warns of")
    a.add_argument("--equivalent", default="")
    a.add_argument("--jobs", type=int, default=1)
    a.add_argument("--file", default="")
    a.add_argument("--sample", type=int, default=0)
    a.add_argument("--only", default="")
    a.add_argument("--programs", default="", help="only these")
    a.add_argument("--apart", action="store_true", help="compile each mutant by itself")
    a.add_argument("--again", action="store_true", help="only those that survived the last run")
    return a.parse_args()


def choose(options, all_mutants, survivors):
    chosen = [m for m in all_mutants if (not options.file or m.file in options.file.split()) and options.only in m.name]
    if options.again and os.path.exists(survivors):
        with open(survivors) as f:
            last = set(tuple(line.rstrip("\n").split("\t")[1:5]) for line in f)
        chosen = [m for m in chosen if key_of(m) in last]
    if 0 < options.sample < len(chosen):
        # Evenly spread: the same ones each time, and some of every file.
        chosen = [chosen[i * len(chosen) // options.sample] for i in range(options.sample)]
    return chosen


def table(results):
    count = collections.Counter((m.file, verdict) for m, verdict, _, _ in results)
    print("%-20s %8s %8s %8s %8s %8s" % ("", "mutants", "killed", "equal", "listed", "survived"))
    files = sorted(set(m.file for m, _, _, _ in results))
    for file in files + ["all"]:
        row = [sum(n for (f, v), n in count.items() if v == verdict and file in (f, "all")) for verdict in ("killed", "equal", "listed", "survived")]
        print("%-20s %8d %8d %8d %8d %8d" % (file, sum(row), *row))


def main():
    options = arguments()
    survivors = os.path.join(options.build, "survivors")
    os.makedirs(options.build, exist_ok=True)
    entries, problems = read_list(options.equivalent)
    reader = shlex.split(options.reader)
    bench = Bench(options)
    all_mutants = list(generator.of_files(options.sources, [(reader + build.flags, build.core) for build in bench.builds]))
    known = collections.Counter(key_of(m) for m in all_mutants)
    # A build of which no program is to run judges nothing.
    able = set(i for i, build in enumerate(bench.builds) if build.programs)
    judged = [m._replace(builds=tuple(i for i in m.builds if i in able)) for m in all_mutants if able & set(m.builds)]
    chosen = choose(options, judged, survivors)
    if not chosen or not bench.prepare([bench.builds[i] for i in set(i for m in chosen for i in m.builds)]):
        print("mutate: nothing was tried")
        return 2

    results, killed_by = [], {}
    begin = time.time()
    with multiprocessing.Pool(options.jobs, start, (bench,)) as pool, open(os.path.join(options.build, "results"), "w") as log:
        groups = pool.imap_unordered(judge, groups_of(chosen, entries))
        for m, verdict, killer, seconds in (result for group in groups for result in group):
            if verdict == "survived" and key_of(m) in entries:
                verdict = "listed"
            if verdict == "killed" and key_of(m) in entries:
                killed_by[key_of(m)] = killer
            results.append((m, verdict, killer, seconds))
            log.write("\t".join((verdict, m.name) + key_of(m)[1:] + (killer, "%.2f" % seconds)) + "\n")
            log.flush()
        pool.close()
        pool.join()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    results.sort(key=lambda r: (r[0].file, r[0].start, r[0].name))
    with open(survivors, "w") as f:
        for m, verdict, _, _ in results:
            if verdict == "survived":
                f.write("\t".join((m.name,) + key_of(m)) + "\n")

    table(results)
    failed = list(problems)
    for m, verdict, _, _ in results:
        if verdict == "survived":
            failed.append("survived: %s in %s\n  - %s\n  + %s" % (m.name, m.function, m.before, m.after))
    # The same text may stand in a function twice, and one of the two be killed.
    needed = set(key_of(m) for m, verdict, _, _ in results if verdict == "listed")
    for entry, line in entries.items():
        if entry in killed_by and entry not in needed:
            failed.append("%s:%d: is no equivalent, %s kills it: %s" % (options.equivalent, line, killed_by[entry], entry[3]))
        elif entry not in known and (not options.file or entry[0] in options.file.split()):
            failed.append("%s:%d: there is no such mutant any more: %s" % (options.equivalent, line, entry[3]))
    for text in failed:
        print(text)
    counted = [r for r in results if r[1] != "no C"]
    print("mutate: %d mutants, %d killed, %d refused by the compiler, in %d s (%d s of processor time); %d to be looked at" % (len(counted),
          sum(r[1] == "killed" for r in results), len(results) - len(counted), time.time() - begin, usage.ru_utime + usage.ru_stime, len(failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
