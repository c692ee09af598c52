#!/usr/bin/env bash
# Makes the failure happen for real and keeps the evidence: run.sh -o DIR
# Exit status: 0 it happened; 1 it did not, the last line says which step; 2 it cannot run here.
set -euo pipefail
out=casebook-lab-link-errors
while [ $# -gt 0 ]; do
    case $1 in
        -o) out=$2; shift 2 ;;
        *) echo "run.sh: unknown argument: $1" >&2; exit 2 ;;
    esac
done
mkdir -p "$out"
# The real thing here is the shell's own limit on open files: ask for one more than it gives.
limit=$(ulimit -Sn)
[ "$limit" != unlimited ] || { echo "run.sh: there is no limit on open files here" >&2; exit 2; }
printf 'limit %s\nload %s\n' "$limit" "$((limit + 1))" >"$out/evidence.lnk"
echo "evidence: $out"
