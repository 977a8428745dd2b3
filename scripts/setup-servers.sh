#!/bin/sh
# Brings what real Kafka brokers and search servers run on, for tests and for the lab with --with: Debian's Java and Maven, which fetches
# the servers themselves when one is first started. Idempotent, and quiet when it is there. Where it cannot be had this says so and goes on: the tests that need it are skipped by name.
#   usage: sh scripts/setup-servers.sh
set -eu
say() { printf 'setup: %s\n' "$*" >&2; }
missing=''
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
[ -n "$missing" ] || exit 0

say "needs$missing: real Kafka brokers and search servers run on it"
without="without it the tests on real servers are skipped"
command -v apt-get >/dev/null 2>&1 || { say "there is no apt-get to install it: $without"; exit 0; }
[ "$(id -u)" = 0 ] || { say "only root can install it (apt-get install --no-install-recommends$missing): $without"; exit 0; }
export DEBIAN_FRONTEND=noninteractive
cd -- "$(dirname -- "$0")/.."
mkdir -p build
say "installing$missing (apt-get)"
# shellcheck disable=SC2086 -- one word per package
install() { apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing; }
install >build/apt-servers.log 2>&1 ||
  { apt-get -qq update >>build/apt-servers.log 2>&1 && install >>build/apt-servers.log 2>&1; } ||
  say "apt-get could not install$missing ($(tail -n 1 build/apt-servers.log)): $without"
