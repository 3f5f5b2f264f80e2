#!/usr/bin/env bash
# What a window of one series costs each detector, in nanoseconds and bytes, and what a pane update
# costs the detector service: build/bench/detectors.json and tables. About a minute and a half.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for program in method_bench detector_bench; do
  build/release/bin/$program --benchmark_out="$folder/$program.json" --benchmark_out_format=json "$@"
done
python3 - "$folder" >build/bench/detectors.json <<'PYTHON'
import json, sys
merged = None
for program in ("method_bench", "detector_bench"):
    with open(f"{sys.argv[1]}/{program}.json") as file:
        result = json.load(file)
    for row in result["benchmarks"]:
        row["program"] = program
    if merged is None:
        merged = result
    else:
        merged["benchmarks"] += result["benchmarks"]
json.dump(merged, sys.stdout, indent=1)
PYTHON
