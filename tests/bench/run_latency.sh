#!/usr/bin/env bash
# From an event to its pane and to its alert at 1, 50 and 90 % of the measured capacity:
# build/bench/latency.json and a table; then the same with a core for the aggregator's worker alone:
# latency-own-core.json. About five minutes; SECONDS_A_LEVEL (default 40) sets it.
set -euo pipefail
tests/support/kafka/fetch.sh >/dev/null
build/release/bin/latency_bench build/bench/latency.json "${SECONDS_A_LEVEL:-40}"
build/release/bin/latency_bench build/bench/latency-own-core.json "${SECONDS_A_LEVEL:-40}" own-core
