#!/bin/sh
# Brings the browser that tests drive: Debian's chromium. Idempotent, and quiet when it is there. Where it cannot be had
# this says so and goes on: the tests that need it are skipped by name.
#   usage: sh scripts/setup-browser.sh
set -eu
say() { printf 'setup: %s\n' "$*" >&2; }
! command -v chromium >/dev/null 2>&1 || exit 0

say "needs chromium: tests show that a real browser works against agents and relays"
without="without it the tests in a browser are skipped"
command -v apt-get >/dev/null 2>&1 || { say "there is no apt-get to install it: $without"; exit 0; }
[ "$(id -u)" = 0 ] || { say "only root can install it (apt-get install --no-install-recommends chromium): $without"; exit 0; }
export DEBIAN_FRONTEND=noninteractive
cd -- "$(dirname -- "$0")/.."
mkdir -p build
say "installing chromium (apt-get)"
install() { apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends chromium; }
install >build/apt-browser.log 2>&1 ||
  { apt-get -qq update >>build/apt-browser.log 2>&1 && install >>build/apt-browser.log 2>&1; } ||
  say "apt-get could not install chromium ($(tail -n 1 build/apt-browser.log)): $without"
