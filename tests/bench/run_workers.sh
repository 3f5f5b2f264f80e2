#!/usr/bin/env bash
# What a second worker brings: from memory, where only the work itself is measured, and with a real
# Kafka, whose broker takes its part of the same cores. build/bench/workers.json,
# build/bench/workers_kafka.json and a table. About a minute and a half.
set -euo pipefail
tests/support/kafka/fetch.sh >/dev/null
build/release/bin/workers_bench memory build/bench/workers.json
build/release/bin/workers_bench kafka build/bench/workers_kafka.json
