#!/bin/sh
# SPDX-License-Identifier: MIT
#
# judge.sh BUILD - tests run.sh itself: small scripts stand for QEMU, each wrong in one way. Prints lines for the tally.
set -u
dir=$1/judge
rm -rf "$dir"
mkdir -p "$dir/qemu" "$dir/stress"
echo "small-16 6000 0x11111111" >"$dir/stress/digests"
echo yes >"$dir/qemu/have-fake"
echo image >"$dir/qemu/fake-tool.elf"

# NAME EXPECTED PASSED-STATUS: the script is on stdin.
expect() {
    cat >"$dir/script"
    LIMIT=2 sh "$(dirname "$0")/run.sh" -q fake-tool "$3" "$dir" sh "$dir/script" >/dev/null 2>&1
    status=$?
    got=$(cut -d' ' -f1 "$dir/qemu/fake-tool.result" 2>/dev/null)
    rm -f "$dir/qemu/fake-tool.result"
    if [ "$status" = 0 ] && [ "$got" = "$2" ]; then echo "pass judge $1"; else echo "fail judge $1"; fi
}

digest='echo "  small-16  linker symbols  6000  1  2  3   0x11111111"'
expect "a good run" pass 33 <<END
$digest; echo PASS; exit 33
END
expect "the wrong status" fail 33 <<END
$digest; echo PASS; exit 0
END
expect "no PASS" fail 0 <<END
$digest; echo PASSED
END
expect "a FAIL line" fail 0 <<END
$digest; echo "FAIL  something"; echo PASS
END
expect "a wrong digest" fail 0 <<END
$digest; echo "  small-16  x  6000  1  2  3   0x11111112"; echo PASS
END
expect "no digest" fail 0 <<END
echo PASS
END
expect "no end" fail 0 <<END
$digest; echo PASS; exec sleep 20
END
: >"$dir/qemu/have-fake"
expect "no tool" skip 0 <<END
$digest; echo PASS
END
