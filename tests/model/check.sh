#!/usr/bin/env bash
# check.sh MODEL ok|error [-DNAME…]: searches every state of MODEL.pml with Spin and expects no error,
# or one: with a mutant's name the model must fail. A search that is not exhaustive is a failure.
set -euo pipefail

model=$1 expected=$2
shift 2
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$source"/*.pml "$work"
cd "$work"
spin "$@" -a "$model.pml" >spin.log || { cat spin.log; exit 1; }
# A mutant's error comes early: what costs there is compiling.
optimize=-O2
[ "$expected" = ok ] || optimize=-O0
cc "$optimize" -w -DSAFETY -DMEMLIM=4096 -DVECTORSZ=4096 -DCOLLAPSE -o pan pan.c
status=0
# -E: a thread that has stopped for ever is no deadlock here.
./pan -E -m1000000 -w22 >pan.log 2>&1 || status=$?
cat pan.log

fail() { echo "check.sh: $*" >&2; exit 1; }
errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.log)
[ -n "$errors" ] || fail "pan did not finish (status $status)"
case "$expected" in
  ok)
    [ "$errors" = 0 ] || fail "$errors errors in $model"
    ! grep -Eqi 'max search depth too small|out of memory|memory limit|Search not completed|truncated' pan.log ||
      fail "the search was not exhaustive"
    grep -q '^Full statespace search' pan.log || fail "the search was not a full one"
    ;;
  error)
    [ "$errors" != 0 ] || fail "the mutant $* goes unnoticed"
    grep -q 'assertion violated' pan.log || fail "the mutant $* failed otherwise than by an assertion"
    ;;
  *) fail "expected is ok or error, not '$expected'" ;;
esac
