#!/usr/bin/env bash
# Numenta's anomaly benchmark: build/bench/nab.json and a table. About half a minute.
# NAB=FOLDER names a checkout of github.com/numenta/NAB (data/ and labels/ are read);
# tests/bench/nab/score_nab.py "$NAB" "$NAB/results/numenta" scores a detector of theirs the same way.
set -euo pipefail
[ -n "${NAB:-}" ] || { echo 'bench nab: NAB must name a checkout of github.com/numenta/NAB' >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build/release/bin/nab_bench "$NAB" "$folder"
python3 tests/bench/nab/score_nab.py "$NAB" "$folder" --json build/bench/nab.json
