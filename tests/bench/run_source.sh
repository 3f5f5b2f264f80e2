#!/usr/bin/env bash
# What an event costs, from bytes to panes: build/bench/source.json and a table.
set -euo pipefail
build/release/bin/source_bench --benchmark_out=build/bench/source.json --benchmark_out_format=json "$@"
