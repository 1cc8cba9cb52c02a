#!/bin/sh
# SPDX-License-Identifier: MIT
#
# files.sh [TOP] - fails when a source file does not begin with its licence, or when something new lies at the top level.
set -u
cd "${1:-.}" || exit 2
status=0

# The folder that everything is built into is none of the project's.
for entry in *; do
    case $entry in
    Makefile | README.md | include | src | port | tests | qemu | "${B:-build}") ;;
    *) echo "$entry: does not belong at the top level" && status=1 ;;
    esac
done
for entry in Makefile include src port tests qemu; do
    [ -e "$entry" ] || { echo "$entry: missing" && status=1; }
done

seen=0
for file in Makefile $(find include src port tests qemu -type f \( -name '*.[chS]' -o -name '*.cpp' -o -name '*.mk' -o -name '*.sh' -o -name '*.ld' \
    -o -name '*.py' -o -name '*.awk' \) | sort); do
    seen=$((seen + 1))
    head -3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || { echo "$file: does not begin with SPDX-License-Identifier: MIT" && status=1; }
done
[ $seen -gt 20 ] || { echo "only $seen source files found" && status=1; }
exit $status
