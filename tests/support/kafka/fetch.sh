#!/usr/bin/env bash
# Fetches Apache Kafka from Maven Central into the user's cache, once, and prints the folder with
# its jars. Needs mvn and java (Debian: maven, openjdk-17-jre-headless or later).
set -euo pipefail

readonly VERSION=4.1.1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?is not set, nor is XDG_CACHE_HOME}/.cache}/surgewatch
target=$cache/kafka-$VERSION

fail() {
  printf 'fetch.sh: %s\n' "$*" >&2
  exit 1
}

if [[ ! -d $target ]]; then
  command -v mvn >/dev/null || fail "mvn is not there; install it with: apt-get install maven"
  command -v java >/dev/null ||
    fail "java is not there; install it with: apt-get install default-jre-headless"
  mkdir -p "$cache"
  # Under another name until it is whole, so that a fetch that is cut off is none.
  partial=$(mktemp -d "$cache/kafka-$VERSION.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  if ! mvn --batch-mode --no-transfer-progress --file "$here/pom.xml" \
    -Dkafka.version="$VERSION" -DoutputDirectory="$partial" -DincludeScope=runtime \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies >"$partial/mvn.log" 2>&1; then
    # The first error, which is of several lines since Maven 3.9; its last one points to [Help 1].
    if grep -q '^\[ERROR\]' "$partial/mvn.log"; then
      awk '/^\[ERROR\]/ { on = 1 } on { print } on && /\[Help/ { exit }' "$partial/mvn.log" >&2
    else
      cat "$partial/mvn.log" >&2
    fi
    fail "Maven could not fetch Kafka $VERSION, of which the tests run a broker.
It needs Maven Central or the mirror that ~/.m2/settings.xml names. Where there is neither, copy the
folder $target from a machine that has it."
  fi
  compgen -G "$partial/kafka_2.13-$VERSION.jar" >/dev/null ||
    fail "Maven copied no kafka_2.13-$VERSION.jar"
  chmod 755 "$partial"
  # Whoever was first has done it.
  mv --no-target-directory "$partial" "$target" 2>/dev/null || [[ -d $target ]] ||
    fail "$partial can't be renamed to $target"
fi
printf '%s\n' "$target"
