#!/bin/sh
# Brings the browser that tests drive: Debian's chromium. Idempotent, and quiet when it is there.
#   usage: sh scripts/setup-browser.sh
set -eu
! command -v chromium >/dev/null 2>&1 || exit 0
exec sh "$(dirname -- "$0")/install-optional.sh" \
  'tests show that a real browser works against agents and relays' 'the tests in a browser are skipped' chromium
