#!/usr/bin/env bash
# What a contribution costs the window's writer, beside what else could hold panes: build/bench/window.json
# and a table of minima. Some five minutes. Arguments go to Google Benchmark.
set -euo pipefail
build/release/bin/window_bench --benchmark_out=build/bench/window.json --benchmark_out_format=json "$@"
