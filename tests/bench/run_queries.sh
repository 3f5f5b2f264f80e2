#!/usr/bin/env bash
# What an answer over panes costs against the window's length: build/bench/queries.json and a table.
set -euo pipefail
build/release/bin/query_bench --benchmark_out=build/bench/queries.json --benchmark_out_format=json "$@"
