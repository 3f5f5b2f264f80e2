#!/usr/bin/env bash
# For how long a rebalance stops what stays and what moves: build/bench/rebalance.json and a table.
# About a minute; arguments set the rounds (default 5) and how many invoices there are before them
# (200,000).
set -euo pipefail
tests/support/kafka/fetch.sh >/dev/null
build/release/bin/rebalance_bench build/bench/rebalance.json "$@"
