#!/usr/bin/env bash
# What looking into orders costs an event, and what a million open orders take. Two minutes.
#
#   ./run bench orders [ORDERS [ROUNDS]]
set -euo pipefail

build/release/bin/orders_bench "${1:-1000000}" "${2:-5}"
