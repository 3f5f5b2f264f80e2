#!/usr/bin/env bash
# Whether ears, farrington and bayes answer as R's package surveillance does, row by row:
# build/bench/conformance.json and a table. R computes the reference here and now, on the package's
# own series and on simulated ones; nothing of the package is kept. Fails if a row differs.
# SHOW (default 3): rows that differ to print of each case.
set -euo pipefail

command -v Rscript >/dev/null || { echo "run_conformance: R is missing; ./run bench conformance installs it" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "R computes the reference (a few minutes) …" >&2
Rscript tests/bench/conformance/reference.R "$folder" >&2
python3 tests/bench/conformance/compare.py build/release/bin/surgewatch "$folder" --short --show "${SHOW:-3}" \
  --json build/bench/conformance.json "$@"
