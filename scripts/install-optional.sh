#!/bin/sh
# Installs Debian packages that some tests need. Where they cannot be had this says so and goes on: the tests that need them are skipped by name.
#   usage: sh scripts/install-optional.sh WHY WITHOUT PACKAGE...
#     WHY      what they are needed for
#     WITHOUT  what is not tested without them
set -eu
why=$1
without="without it $2"
shift 2
say() { printf 'setup: %s\n' "$*" >&2; }
say "needs $*: $why"
command -v apt-get >/dev/null 2>&1 || { say "there is no apt-get to install it: $without"; exit 0; }
[ "$(id -u)" = 0 ] || { say "only root can install it (apt-get install --no-install-recommends $*): $without"; exit 0; }
export DEBIAN_FRONTEND=noninteractive
cd -- "$(dirname -- "$0")/.."
mkdir -p build
say "installing $* (apt-get)"
install() { apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"; }
log=build/apt-optional.log
install "$@" >"$log" 2>&1 ||
  { apt-get -qq update >>"$log" 2>&1 && install "$@" >>"$log" 2>&1; } ||
  say "apt-get could not install $* ($(tail -n 1 "$log")): $without"
