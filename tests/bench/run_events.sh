#!/usr/bin/env bash
# Events a second out of a file, from NDJSON and binpb of the same events, and from the NDJSON by protobuf's own JSON parser:
# build/bench/events.json and a line for each. Best of five runs (protobuf: of two); with perf on the machine the instructions of an event too.
# About half a minute. EVENTS (default 300000) sets the size.
set -euo pipefail

events=${EVENTS:-300000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for format in ndjson binpb; do
  build/release/bin/surgewatch simulate --scenario steady --events "$events" --out "$folder/events.$format" --quiet
done
measure() { build/release/bin/events_bench "$1" "$folder/events.$2" "$3"; }
{
  measure ndjson ndjson 5
  measure binpb binpb 5
  measure protobuf ndjson 2
} | tee build/bench/events.json

# Where the machine counts instructions, as virtual ones often don't.
if command -v perf >/dev/null && perf stat -x, -e instructions:u true 2>&1 | grep -q '^[0-9]'; then
  for way in ndjson binpb; do
    perf stat -x, -o "$folder/perf" -e instructions:u build/release/bin/events_bench "$way" "$folder/events.$way" 1 >/dev/null
    awk -F, -v way="$way" -v events="$events" '/instructions/ { printf "%s: %.0f instructions an event\n", way, $1 / events }' "$folder/perf"
  done
fi
