#!/usr/bin/env bash
# What a pane update costs the detector: build/bench/detectors.json and a table.
set -euo pipefail
build/release/bin/detector_bench --benchmark_out=build/bench/detectors.json --benchmark_out_format=json "$@"
