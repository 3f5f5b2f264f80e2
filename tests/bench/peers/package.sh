#!/usr/bin/env bash
# Builds the peers that run on Java into build/peers. Maven fetches Kafka, Kafka Streams and Flink the
# first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

mvn --batch-mode --quiet --no-transfer-progress --file tests/bench/peers/java/pom.xml \
  -Dpeers.build="$PWD/build/peers" package || {
  printf 'package.sh: Maven could not build the peers; it needs Maven Central or the mirror of ~/.m2/settings.xml\n' >&2
  exit 1
}
