#!/bin/sh
# Brings what real Kafka brokers and search servers run on, for tests and for the lab with --with: Debian's Java and Maven, which fetches
# the servers themselves when one is first started. Idempotent, and quiet when it is there.
#   usage: sh scripts/setup-servers.sh
set -eu
missing=''
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 -- one word per package
exec sh "$(dirname -- "$0")/install-optional.sh" \
  'real Kafka brokers and search servers run on it' 'the tests on real servers are skipped' $missing
