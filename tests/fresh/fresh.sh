#!/usr/bin/env bash
# What a newcomer meets: a bare Debian, a clean clone of the last commit, the commands of the README.
#   fresh.sh bookworm|trixie [COMMAND…]
#   fresh.sh clean    removes the roots, which are not the user's own where that is not root
# The root is left in build/fresh/SUITE to be looked at; the next run makes it anew. What this machine
# needs to reach its package mirrors (apt's sources and settings, proxies, certificates, Maven's
# settings) goes along. SURGEWATCH_FRESH_CCACHE=DIR lends a compiler cache, for a second try.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly here
# What of the environment goes along.
readonly PASSED=(http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
  MAVEN_OPTS TERM CI SURGEWATCH_FUZZ_SECONDS)
# In process and mount tables of their own. Who is not root is it in there, as mmdebstrap has it.
namespaces=(unshare --mount --pid --fork --kill-child --propagation private)
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(unshare --map-auto --setuid 0 --setgid 0)
  namespaces+=("${as_root[@]:1}")
fi

# Mounts what a program may expect, shared memory as small as a container has it, and runs a command.
# shellcheck disable=SC2016 # expanded in there
readonly ENTER='
set -eu
root=$1 ccache=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${number%%:*}" "$root/dev/${number#*:}"; done
cat /etc/resolv.conf >"$root/etc/resolv.conf"
if [ -n "$ccache" ]; then
  mkdir -p "$root/root/.cache/ccache"
  mount --bind "$ccache" "$root/root/.cache/ccache"
fi
exec chroot "$root" "$@"'

fail() {
  printf 'fresh: %s\n' "$*" >&2
  exit 1
}

# What the README tells a newcomer to type, the demo so that it ends by itself; and the tests.
readme_commands() {
  sed -n 's/^    \(\.\/run .*\|build\/.*\)$/\1/p' "$here/README.md" | sed 's/^\.\/run demo$/& --once/'
  printf './run test\n'
}

# sources.list for the suite, from the places that this machine's own Debian comes from. Empty if apt
# knows of none.
sources() {
  local uri label
  apt-get indextargets --format "\$(REPO_URI) \$(LABEL)" 'Created-By: Packages' 'Component: main' |
    sort -u | while read -r uri label; do
      case "$label" in
        Debian) printf 'deb %s %s main\n' "$uri" "$suite" "$uri" "$suite-updates" ;;
        Debian-Security) printf 'deb %s %s main\n' "$uri" "$suite-security" ;;
      esac
    done
}

# Apt's settings for the network: proxies, time-outs, whether a mirror's lists may be old.
apt_settings() {
  apt-config dump Acquire | grep -vE '^Acquire( |::(IndexTargets|Changelogs|CompressionTypes|Languages))' || true
}

# Copies those of the files that exist to their places in the root.
carry() {
  local file
  for file in "$@"; do
    if [ -r "$file" ]; then cp -L --parents "$file" "$carried"; fi
  done
}

remove_root() {
  [ -d "$root" ] || return 0
  "${as_root[@]}" find "$root" -xdev -mindepth 1 -delete
  rmdir "$root"
}

make_root() {
  remove_root
  sources >"$work/sources.list"
  apt_settings >"$work/apt.conf"
  carry /usr/local/share/ca-certificates/*.crt /etc/apt/auth.conf /etc/apt/auth.conf.d/*.conf /etc/hosts
  mkdir -p "$carried/root/.m2"
  local file
  for file in settings.xml settings-security.xml; do
    if [ -r "${HOME:-/}/.m2/$file" ]; then cp -L "${HOME:-/}/.m2/$file" "$carried/root/.m2/"; fi
  done
  git clone --quiet --no-hardlinks "$here" "$carried/root/surgewatch"
  # Copied before any package is there, so that the one of certificates finds ours.
  local options=(--variant=apt --dpkgopt=force-unsafe-io --aptopt="$work/apt.conf") from=()
  options+=(--setup-hook="cp -R '$carried/.' \"\$1\"")
  if grep -q ' https:' "$work/sources.list"; then options+=(--include=ca-certificates); fi
  if [ -s "$work/sources.list" ]; then from=("$work/sources.list"); fi
  mmdebstrap --quiet "${options[@]}" "$suite" "$root" "${from[@]}"
}

# Runs a command in the clone in the root. What it has started and mounted is gone when it ends or
# this script does.
in_root() {
  local variable passed=() status=0
  for variable in "${PASSED[@]}"; do
    if [ -n "${!variable:-}" ]; then passed+=("$variable=${!variable}"); fi
  done
  "${namespaces[@]}" bash -c "$ENTER" enter "$root" "$ccache" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "${passed[@]}" \
    bash -o pipefail -c "cd /root/surgewatch && { $1; }; exit \$?" &
  inside=$!
  wait "$inside" || status=$?
  inside=
  return "$status"
}

# Seconds of processors that ended children have taken.
processor_seconds() {
  awk -v ticks="$(getconf CLK_TCK)" '{ printf "%d", ($16 + $17) / ticks }' "/proc/$$/stat"
}

# stage NAME COMMAND…: runs the command and notes what it took; with its failure the script ends.
stage() {
  name=$1 began=$SECONDS processors=$(processor_seconds)
  shift
  printf '\033[1m==> %s: %s\033[0m\n' "$suite" "$name" >&2
  "$@"
  note_stage
}

note_stage() {
  times_taken+=("$(printf '%6d s %8d s  %s' $((SECONDS - began)) $(($(processor_seconds) - processors)) "$name")")
  name=
}

finish() {
  local status=$? failed=$name
  trap - EXIT INT TERM
  if [ -n "$inside" ]; then kill -KILL "$inside" 2>/dev/null || true; fi
  rm -rf "$work"
  if [ -n "$name" ]; then note_stage; fi
  printf '\n    wall  processors\n' >&2
  printf '%s\n' "${times_taken[@]}" >&2
  if [ "$status" -eq 0 ]; then
    printf '\nA bare %s does all of this.\n' "$suite" >&2
  else
    printf '\nfresh: on a bare %s this fails, with status %d: %s\nThe root is %s\n' \
      "$suite" "$status" "$failed" "$root" >&2
  fi
  exit "$status"
}

suite=${1:-}
case "$suite" in
  bookworm | trixie) shift ;;
  clean)
    for root in "$here"/build/fresh/*/; do remove_root; done
    exit
    ;;
  *) fail "takes bookworm or trixie, not '$suite'" ;;
esac
ccache=${SURGEWATCH_FRESH_CCACHE:-}
[ -z "$ccache" ] || [ -d "$ccache" ] || fail "SURGEWATCH_FRESH_CCACHE: $ccache is no directory"
root=$here/build/fresh/$suite
inside=
name=
times_taken=()
mkdir -p "$here/build/fresh"
exec {lock}>"$root.lock"
flock --nonblock "$lock" || fail "another run has $root"
work=$(mktemp -d)
carried=$work/carried
mkdir "$carried"
chmod 755 "$work"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ $# -gt 0 ]; then commands=("$*"); else mapfile -t commands < <(readme_commands); fi
stage "a bare root with a clone of $(git -C "$here" rev-parse --short HEAD)" make_root
for command in "${commands[@]}"; do
  stage "$command" in_root "$command"
done
