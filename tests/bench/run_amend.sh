#!/usr/bin/env bash
# What a close and a late pane cost, by the type of the rule and the number of subjects:
# build/bench/amend.json and a line for each. Some minutes.
#
#   ./run bench amend [SUBJECTS [WINDOWS]]
set -euo pipefail

for rule in surge ramp new_entity rollup surge_excess share_shift surge_since since_excess share_since divergence; do
  build/release/bin/amend_bench "$rule" "${1:-10000}" "${2:-400}"
done | tee build/bench/amend.json
