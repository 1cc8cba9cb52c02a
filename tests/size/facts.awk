# SPDX-License-Identifier: MIT
#
# facts.awk - measure.sh's rows and control.c's lines as facts, `NAME NUMBER`, for judge.awk and report.awk.
#
# Names: size/TARGET/SET, variables/TARGET, broken/TARGET, unbounded/TARGET (functions without a bound), stack/TARGET/FUNCTION,
# control/BITS/HEAP/KIND/BUILD, blocks/BITS/HEAP/BUILD. BUILD is full or single, small or small-single, from the name of the file.
FNR == 1 { build = FILENAME ~ /-small-single/ ? "small-single" : FILENAME ~ /-small-/ ? "small" : FILENAME ~ /single/ ? "single" : "full" }
$1 == "size" { print "size/" $2 "/" $3, $4 + $5; if ($5 + $6 > variables[$2] + 0) variables[$2] = $5 + $6; broken[$2] += 0 }
$1 == "stack" { unbounded[$2] += 0 }
$1 == "broken" { broken[$2]++ }
$1 == "stack" && $4 == "unbounded" { unbounded[$2]++ }
$1 == "stack" && $4 != "unbounded" { print "stack/" $2 "/" $3, $4 }
$1 == "control" { print "control/" $2 "/" $3 "/" $4 "/" build, $5 }
$1 == "blocks" { print "blocks/" $2 "/" $3 "/" build, $4 }
END {
    for (t in broken) print "variables/" t, variables[t] + 0
    for (t in broken) print "broken/" t, broken[t]
    for (t in unbounded) print "unbounded/" t, unbounded[t]
}
