#!/bin/sh
# SPDX-License-Identifier: MIT
#
# record.sh RECORDER OUT - records the traces of this folder anew: each of these programs does a small, ordinary piece of its work.
#
# Inputs are made here, by awk, so that nothing else has to be kept. What is recorded depends on the programs' versions (the
# stored traces are from Debian 12), so figures are comparable only between runs on the same traces.
set -eu
recorder=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
root=$(realpath "$(dirname "$0")/../..")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# record NAME PROGRAM COMMAND... : runs the command, keeps the largest trace of a process called PROGRAM as NAME.
record() {
    name=$1 program=$2
    shift 2
    mkdir "$tmp/$name.d"
    FH_TRACE_DIR=$tmp/$name.d FH_TRACE_ONLY=$program LD_PRELOAD=$recorder "$@" >"$tmp/$name.out" 2>&1 || {
        echo "record.sh: $name failed:" >&2
        tail -5 "$tmp/$name.out" >&2
        return 1
    }
    mv "$(ls -S "$tmp/$name.d"/* | head -1)" "$out/$name.fht"
    ls -l "$out/$name.fht" | awk -v n="$name" '{ printf "%-10s %9d bytes\n", n, $5 }'
}

# A table of sales: numbers, words, repetitions, as CSV.
awk 'BEGIN {
    srand(42)
    split("amber birch cedar delta ember flint grove heath inlet jetty knoll ledge marsh north ochre prairie quartz ridge slate tundra", w, " ")
    for (i = 1; i <= 10000; i++)
        printf "%d,%s-%s,%d,%.2f,%s %s %s %s\n", i, w[int(rand()*20)+1], w[int(rand()*20)+1], int(rand()*500), rand()*1000,
            w[int(rand()*20)+1], w[int(rand()*20)+1], w[int(rand()*20)+1], w[int(rand()*20)+1]
}' >sales.csv
awk -F, 'BEGIN { print "[" } { printf "%s{\"id\":%d,\"item\":\"%s\",\"stock\":%d,\"price\":%s,\"note\":{\"text\":\"%s\",\"tags\":[\"%s\",%d,null,true]}}\n", (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, $2, $3 } END { print "]" }' sales.csv >sales.json
awk -F, 'BEGIN { print "<?xml version=\"1.0\"?>\n<sales>" } { printf "<sale id=\"%d\" item=\"%s\"><stock>%d</stock><price currency=\"EUR\">%s</price><note lang=\"en\">%s</note></sale>\n", $1, $2, $3, $4, $5 } END { print "</sales>" }' sales.csv >sales.xml

# An interpreter with objects, dictionaries, strings and exceptions. Its own pool of small blocks is switched off.
cat >work.py <<'END'
import csv, json, re, collections
class Sale:
    def __init__(self, row):
        self.id, self.item, self.stock, self.price, self.note = int(row[0]), row[1], int(row[2]), float(row[3]), row[4]
    def words(self):
        return re.findall(r"[a-z]+", self.note)
sales = [Sale(r) for r in csv.reader(open("sales.csv"))]
by_item = collections.defaultdict(list)
for s in sales:
    by_item[s.item].append(s)
words = collections.Counter(w for s in sales for w in s.words())
report = {item: {"n": len(g), "sum": sum(s.price for s in g), "best": max(g, key=lambda s: s.price).id} for item, g in by_item.items()}
text = json.dumps(report, indent=1, sort_keys=True)
back = json.loads(text)
sales.sort(key=lambda s: (s.item, -s.price))
del by_item
print(len(text), len(back), words.most_common(3), "\n".join("%s %.1f" % (s.item, s.price) for s in sales[::7])[:40])
END
record python python3 env PYTHONMALLOC=malloc PYTHONHASHSEED=0 /usr/bin/python3 -S work.py

cat >work.pl <<'END'
use strict; my (%by, %words, @rows);
open my $f, '<', 'sales.csv' or die;
while (<$f>) { chomp; my @c = split /,/; push @rows, { id => $c[0], item => $c[1], price => $c[3], note => $c[4] }; push @{ $by{$c[1]} }, $rows[-1]; $words{$_}++ for split / /, $c[4]; }
my @out; for my $item (sort keys %by) { my @g = sort { $b->{price} <=> $a->{price} } @{ $by{$item} }; my $sum = 0; $sum += $_->{price} for @g; push @out, sprintf("%s %d %.2f %s", $item, scalar @g, $sum, join ',', map { $_->{id} } @g[0 .. ($#g > 3 ? 3 : $#g)]); }
my $text = join "\n", @out; my %index; $index{ lc substr($_, 0, 6) } .= "$_;" for @out; (my $t = $text) =~ s/(\w+)-(\w+)/$2-$1/g;
print length($t), ' ', scalar(keys %index), "\n";
END
record perl perl env PERL_HASH_SEED=0 /usr/bin/perl work.pl

cat >work.lua <<'END'
local rows, by = {}, {}
for line in io.lines("sales.csv") do
  local id, item, stock, price, note = line:match("(%d+),([^,]+),(%d+),([%d.]+),(.*)")
  local row = { id = tonumber(id), item = item, price = tonumber(price), words = {} }
  for w in note:gmatch("%a+") do row.words[#row.words + 1] = w end
  rows[#rows + 1] = row
  by[item] = by[item] or {}
  table.insert(by[item], row)
end
table.sort(rows, function(a, b) return a.price < b.price end)
local out = {}
for item, group in pairs(by) do
  local names = {}
  for _, row in ipairs(group) do names[#names + 1] = row.id .. ":" .. table.concat(row.words, "+") end
  out[#out + 1] = item .. "=" .. table.concat(names, ",")
end
for round = 1, 3 do local t = {} for i, s in ipairs(out) do t[i] = s:upper():gsub("%d", function(d) return "<" .. d .. ">" end) end end
print(#rows, #table.concat(out))
END
record lua lua5.4 lua5.4 work.lua

cat >work.sql <<'END'
create table sale(id integer primary key, item text, stock int, price real, note text);
.mode csv
.import sales.csv sale
create index by_item on sale(item, price);
create table line(sale int, pos int, word text);
insert into line select id, 1, substr(note, 1, instr(note, ' ')) from sale;
create index by_word on line(word);
select item, count(*), sum(price), max(price) from sale group by item order by 3 desc limit 5;
select word, count(*), group_concat(sale.item) from line join sale on sale.id = line.sale group by word order by 2 limit 3;
begin; update sale set price = price * 1.1 where stock > 250; delete from sale where stock < 50; commit;
with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) insert into line select n, n % 7, 'w' || n from c;
select count(*) from line a, sale b where a.sale = b.id and b.note like '%slate%';
select json_group_array(json_object('i', item, 'p', price)) from (select item, price from sale where stock > 300);
vacuum;
END
awk 'BEGIN { for (i = 1; i <= 150; i++) {
    printf "select item, sum(price) from sale where id %% 40 = %d and note like \047%%a%d%%\047 group by item;\n", i % 40, i
    printf "insert into line values(%d, 0, \047x%d\047);\n", i, i } }' >>work.sql
record sqlite sqlite3 sh -c 'sqlite3 :memory: <work.sql'

record cc1 cc1 gcc -O2 -I"$root/include" -c "$root/src/pool.c" -o pool.o
record jq jq jq '[group_by(.item)[] | {item: .[0].item, n: length, sum: (map(.price) | add), notes: (map(.note.text | split(" ")) | add | unique)}] | sort_by(.sum) | .[0:50]' sales.json
record xml xmllint xmllint --xpath '//sale[stock > 250 and contains(note, "slate")]/price' sales.xml

mkdir repo
(
    cd repo
    git init -q .
    git config user.name nobody
    git config user.email nobody@example.org
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        mkdir -p d$((i % 4))
        split -l $((100 + i * 17)) ../sales.csv d$((i % 4))/part$i-
        awk -v i=$i 'NR % 13 != i' ../sales.csv >table.csv
        git add -A
        git commit -q -m "Change $i"
    done
)
record git git git -C repo log -p --stat -M --format='%h %s'

record redis redis-server sh -c '
    redis-server --port 0 --unixsocket '"$tmp"'/s --save "" --appendonly no --daemonize no >server.log & server=$!
    unset LD_PRELOAD
    while [ ! -S '"$tmp"'/s ]; do sleep 0.1; done
    awk -F, "{ print \"set item:\" \$1 \" \\\"\" \$5 \"\\\"\"; print \"hset h:\" \$2 \" id \" \$1 \" price \" \$4; print \"lpush l:\" \$1 % 50 \" \" \$5; print \"zadd z \" \$4 \" \" \$2 \":\" \$1;
        if (NR % 3 == 0) print \"del item:\" NR - 2; if (NR % 5 == 0) print \"append item:\" NR \" \" \$5; if (NR % 7 == 0) print \"lrange l:\" \$1 % 50 \" 0 20\"; if (NR % 11 == 0) print \"expire item:\" NR \" 1\" }" sales.csv |
        redis-cli -s '"$tmp"'/s >/dev/null
    redis-cli -s '"$tmp"'/s shutdown nosave
    wait $server'
