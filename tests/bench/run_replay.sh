#!/usr/bin/env bash
# Events a second through `surgewatch replay`, from both formats: build/bench/replay.json and a table.
# Best of three runs, wall clock, the whole process; binpb also on one thread. About two minutes. EVENTS (default 1000000) sets the size.
set -euo pipefail

events=${EVENTS:-1000000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
surgewatch=build/release/bin/surgewatch

seconds_of() {
  local start end
  start=$(date +%s%N)
  "$@"
  end=$(date +%s%N)
  awk -v ns="$((end - start))" 'BEGIN { printf "%.3f", ns / 1e9 }'
}

rows=()
measure() {
  local format=$1 threads=$2 file=$folder/events.$1 times=() best rate
  shift 2
  for _ in 1 2 3; do
    times+=("$(seconds_of "$surgewatch" replay --config deploy/config/deepseek.yaml --events "$file" --alerts "$folder/alerts" --quiet "$@")")
  done
  best=$(printf '%s\n' "${times[@]}" | sort -g | head -1)
  rate=$(awk -v n="$events" -v s="$best" 'BEGIN { printf "%.0f", n / s }')
  printf '%-8s %-5s %9s events  %8s s  %9s events/s\n' "$format" "$threads" "$events" "$best" "$rate"
  rows+=("{\"format\": \"$format\", \"threads\": \"$threads\", \"events\": $events, \"seconds\": $best, \"events_per_second\": $rate}")
}

for format in binpb ndjson; do
  "$surgewatch" simulate --scenario steady --events "$events" --out "$folder/events.$format" --quiet
  measure "$format" all
  [ "$format" = ndjson ] || measure "$format" one --one-thread
  rm "$folder/events.$format"
done
(IFS=,; printf '[%s]\n' "${rows[*]}") >build/bench/replay.json
