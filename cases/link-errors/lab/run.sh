#!/usr/bin/env bash
# Lets real compilers and linkers fail, and keeps evidence and truth: run.sh -o DIR. See README.md.
# Exit status: 0 it happened as told; 1 it did not, the last line counts; 2 it cannot run here.
set -u
LC_ALL=C
export LC_ALL
command -v python3 >/dev/null 2>&1 || { echo "cannot run: needs the command python3" >&2; exit 2; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' ||
    { echo "cannot run: needs Python 3.8 or newer" >&2; exit 2; }
exec python3 -B "$(dirname "$0")/lab.py" "$@"
