#!/usr/bin/env bash
# False alarms and detection on simulated series, beside the field's reference methods:
# build/bench/scenarios.json and tables. About two and a half minutes. GIVEN=FOLDER also judges series given as
# files (see tests/bench/scenarios/tables.h); further arguments go to scenarios_bench (--seed, --sets).
set -euo pipefail
given=()
[ -z "${GIVEN:-}" ] || given=(--given "$GIVEN")
build/release/bin/scenarios_bench "${given[@]}" --json build/bench/scenarios.json "$@"
