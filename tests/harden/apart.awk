# SPDX-License-Identifier: MIT
#
# apart.awk - leaves out the results of tests that do not apply: the first file names them, PROGRAM/FILE/TEST, a star for any program or any test.
function listed(name,   part) {
    split(name, part, "/")
    return (name in apart) || ("*/" part[2] "/" part[3]) in apart || (part[1] "/" part[2] "/*") in apart || ("*/" part[2] "/*") in apart
}
NR == FNR {
    if ($0 !~ /^#/ && NF != 0)
        apart[$1] = 1
    next
}
!listed($2)
