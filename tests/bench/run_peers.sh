#!/usr/bin/env bash
# The same job on librdkafka alone, Kafka Streams, Flink and Surgewatch, answers compared row by row:
# build/bench/peers.json and a table. tests/bench/peers/README.md says what it all means.
#   EVENTS=5000000  SYSTEMS=surgewatch,flink,…  JOBS=tumbling-1m,…  RUNS=3 (of each)
# Needs a JDK and mvn, which fetches Kafka, Kafka Streams and Flink from Maven Central the first time.
set -euo pipefail

tests/bench/peers/package.sh
exec /usr/bin/python3 -B tests/bench/peers/peers.py --bin build/release/bin --java build/peers --work build/bench \
  --out build/bench/peers.json --events "${EVENTS:-5000000}" --systems "${SYSTEMS:-}" --jobs "${JOBS:-}" \
  --runs "${RUNS:-0}" "$@"
