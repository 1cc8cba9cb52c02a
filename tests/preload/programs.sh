#!/bin/sh
# SPDX-License-Identifier: MIT
#
# programs.sh LIBRARY DIR - real programs give byte for byte what they give without the library: standard output, standard
# error, status, and the files that they write.
#
# Prints `pass NAME`, `fail NAME` or `skip NAME REASON` for each; what differs goes to standard error. A program counts only if
# the loader bound its malloc to the library: one that is linked statically would pass without having run on it.
set -u
library=$1
dir=$2
mkdir -p "$dir"
cd "$dir" || exit 1
LC_ALL=C TZ=UTC HOME=$dir PYTHONHASHSEED=0 PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.com
export LC_ALL TZ HOME PYTHONHASHSEED PYTHONMALLOC PYTHONDONTWRITEBYTECODE GIT_CONFIG_NOSYSTEM
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

# Is COMMAND there, and does its malloc come from the library?
runs_on_library() {
    LD_DEBUG=bindings LD_DEBUG_OUTPUT=$dir/bindings LD_PRELOAD=$library "$1" --version >/dev/null 2>&1 </dev/null
    cat "$dir"/bindings.* 2>/dev/null | grep -q "to $library .*symbol .malloc'"
    found=$?
    rm -f "$dir"/bindings.*
    return $found
}

# once PRELOAD WHERE SCRIPT: runs the script in a fresh folder, of the same name each time because programs print names. What
# git packs with several threads is not the same twice, and its index holds times of day.
once() {
    rm -rf "$dir/at"
    mkdir "$dir/at" "$2"
    (
        cd "$dir/at" || exit 99
        if [ -n "$1" ]; then
            LD_PRELOAD=$1
            export LD_PRELOAD
        fi
        exec timeout 120 sh -c "$3"
    ) >"$2/stdout" 2>"$2/stderr" </dev/null
    echo $? >"$2/status"
    (cd "$dir/at" && find . -type f ! -path './.git/index' ! -path './.git/objects/pack/*' -exec cksum {} + | sort -k3) >"$2/files"
}

# compare NAME COMMAND SCRIPT [STATUS]: 0 is expected of the script if no status is given.
compare() {
    if ! command -v "$2" >/dev/null 2>&1; then
        echo "skip $1 no $2 here"
        return
    fi
    if ! runs_on_library "$2"; then
        echo "fail $1"
        echo "---- preload: $1: $2 does not take its malloc from the library" >&2
        return
    fi
    rm -rf "$dir/without" "$dir/with"
    once '' "$dir/without" "$3"
    once "$library" "$dir/with" "$3"
    if ! diff -r "$dir/without" "$dir/with" >"$dir/difference" 2>&1; then
        echo "fail $1"
        echo "---- preload: $1 differs (<: without the library, >: with it)" >&2
        head -30 "$dir/difference" >&2
    elif [ "$(cat "$dir/without/status")" != "${4:-0}" ] || [ ! -s "$dir/without/stdout" ]; then
        echo "fail $1"
        echo "---- preload: $1: the program itself failed" >&2
        cat "$dir/without/status" "$dir/without/stderr" >&2
    else
        echo "pass $1"
    fi
}

awk 'BEGIN { x = 1; for (i = 0; i < 300000; i++) { x = (x * 16807) % 2147483647; print x, "line", i % 977 } }' >numbers.txt
awk 'BEGIN {
    print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>"
    for (i = 0; i < 400; i++)
        printf "static int f%d(int x, int y)\n{\n    int s = %d;\n    for (int i = 0; i < x; i++)\n        s += i * y ^ %d;\n" \
            "    return x > y ? s : f%d(y, x);\n}\n", i, i, i * 31, (i > 0 ? i - 1 : 0)
    print "int main(void) { return f399(3, 2) + (int)strlen(getenv(\"HOME\")) + printf(\"%d\", f200(1, 2)); }"
}' >compiled.c
sed 's/return x > y/retrun x > y/' compiled.c | head -40 >broken.c
cat >templates.cc <<'END'
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>
template <int N> struct Fib { static constexpr long value = Fib<N - 1>::value + Fib<N - 2>::value; };
template <> struct Fib<1> { static constexpr long value = 1; };
template <> struct Fib<0> { static constexpr long value = 0; };
std::map<std::string, std::vector<std::function<long(long)>>> table;
long run(long x)
{
    table["a"].push_back([](long y) { return y + Fib<80>::value; });
    std::vector<long> v;
    for (auto &entry : table)
        for (auto &f : entry.second)
            v.push_back(f(x));
    std::sort(v.begin(), v.end(), [](long a, long b) { return a > b; });
    return v.front();
}
END

compare sort sort 'sort --parallel=4 -S 20M ../numbers.txt; sort -n -k3 -k1 -u ../numbers.txt | cksum'
compare sort-fails sort 'echo begin; sort /nonexistent' 2

cat >script.py <<'END'
import collections, decimal, difflib, fractions, itertools, json, re, sqlite3, string, zlib
text = open("../numbers.txt").read()
words = collections.Counter(re.findall(r"\w+", text))
print(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:10])
tree = [{"key": str(i), "list": list(range(i % 50)), "nested": {"a": i * 0.5}} for i in range(20000)]
encoded = json.dumps(tree, sort_keys=True)
print(len(encoded), zlib.crc32(encoded.encode()), json.loads(encoded) == tree)
print(2 ** 20000 % 10 ** 50, decimal.Decimal(2).sqrt(decimal.Context(60)), fractions.Fraction(1, 3) ** 40)
print("".join(difflib.unified_diff(text[:3000].splitlines(1), text[1000:4000].splitlines(1)))[:500])
print(sum(1 for _ in itertools.permutations(range(8))))
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values (?, ?)", ((i % 97, str(i)) for i in range(20000)))
print(db.execute("select a, count(*), max(b) from t group by a order by a").fetchall()[:5])
raise SystemExit(3)
END
cat >threaded.py <<'END'
import hashlib, os, queue, subprocess, sys, threading
todo, done = queue.Queue(), queue.Queue()
def work():
    while True:
        item = todo.get()
        if item is None:
            return
        data = [str(item * j).encode() * (j % 40) for j in range(400)]
        done.put((item, hashlib.sha256(b"".join(data) * (300 if item % 50 == 0 else 1)).hexdigest()))
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for i in range(400): todo.put(i)
pid = os.fork()                      # among running threads
if pid == 0:
    os._exit(len([bytes(n) for n in range(5000)]) % 251)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run([sys.executable, "-c", "print(sum(len(str(i)) for i in range(100000)))"], capture_output=True).stdout)
for _ in threads: todo.put(None)
for t in threads: t.join()
for item, digest in sorted(done.get() for _ in range(400)): print(item, digest)
for _ in range(300):                 # threads that come and go
    t = threading.Thread(target=lambda: [0] * 10000)
    t.start(); t.join()
END
compare python python3 'python3 ../script.py' 3
compare python-threads python3 'python3 ../threaded.py'

compare perl perl 'perl -e '\''
    my (%h, @a);
    while (<>) { chomp; my @f = split; $h{$f[2]} .= $f[0]; push @a, [@f]; }
    for my $k (sort keys %h) { print "$k ", length($h{$k}), " ", unpack("%32C*", $h{$k}), "\n"; }
    my @s = sort { $a->[0] <=> $b->[0] } @a;
    print join(" ", map { $_->[0] } @s[0..20]), "\n";
    (my $t = join("", map { $_->[1] } @a)) =~ s/l(i)n/$1x/g; print length($t), "\n";
    warn "to standard error\n"; exit 7;
'\'' ../numbers.txt' 7

compare sqlite sqlite3 'sqlite3 file.db "
    create table t(id integer primary key, a int, b text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
        insert into t select i, i * 7919 % 10007, printf(\"%08d\", i * 31) from n;
    create index by_a on t(a);
    select a, count(*), group_concat(b) from t group by a order by a limit 50;
    select count(*) from t x join t y on x.a = y.id where x.b > y.b;
    delete from t where a % 3 = 0; vacuum; pragma integrity_check;
    select sum(length(b)), min(a), max(a) from t; select * from nowhere;"' 1

compare git git 'git init -q -b main . && for i in 1 2 3 4 5 6 7 8; do
        awk -v i=$i "{ print \$1 * i, \$3 }" ../compiled.c >file$i; head -$((i * 3000)) ../numbers.txt >numbers
        git add . && git commit -q -m "commit $i" || exit 1
    done
    git log -p --stat | cksum; git log --oneline; git blame numbers | cksum; git diff HEAD~3 --word-diff | cksum
    git repack -q -a -d -f --threads=4 --window=20 && git fsck --full && git grep -c 16807 | head
    git checkout -q -b side HEAD~4 && git merge -q main && git status && git archive HEAD | cksum; git show nothing' 128

compare gcc gcc 'gcc -v 2>&1 | tail -1; gcc -O2 -c ../compiled.c -o a.o; gcc -S -O3 ../compiled.c -o - | cksum
    gcc -O2 -c ../broken.c' 1
compare gxx g++ 'g++ -O1 -S ../templates.cc -o - | cksum'
compare xz xz 'xz -1 -T2 -k -c ../numbers.txt | xz -dc | cksum'
compare bash bash 'bash -c '\''declare -A h; for i in {1..20000}; do h[$((i % 300))]+=$i; done; for k in "${!h[@]}"; do
    echo "$k ${#h[$k]}"; done | sort | cksum; x=$(seq 1 50000); echo ${#x}; (exit 4)'\''' 4
compare make make 'for i in $(seq 300); do printf "f%d: f%d\n\techo \$@ >\$@\n" $i $((i / 2)); done >Makefile; echo x >f0
    make -s -j3 f300 f299 f250 f151 && cat f300 f150 && make -n f1; make f301' 2
compare tar tar 'cp ../numbers.txt a; tar --sort=name --mtime=@0 --owner=0 --group=0 -czf - a | gzip -dc | cksum'
