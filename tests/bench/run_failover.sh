#!/usr/bin/env bash
# From the end of the detector, of the aggregator or of both to the next alert:
# build/bench/failover.json and a table. About ten minutes; an argument sets the rounds of each case
# (default 10).
set -euo pipefail
tests/support/kafka/fetch.sh >/dev/null
build/release/bin/failover_bench build/bench/failover.json "${1:-10}"
