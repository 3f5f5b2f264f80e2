#!/usr/bin/env bash
# What a million parties cost a detector, by the type of the rule that watches them:
# build/bench/parties.json and a line for each. About two minutes.
set -euo pipefail

for rule in surge new_entity surge_since divergence; do
  build/release/bin/parties_bench "$rule" "${1:-1000000}" "${2:-16}"
done | tee build/bench/parties.json
