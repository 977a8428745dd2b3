#!/bin/sh
# Builds the page that agents and relays serve to browsers, into build/ui. Idempotent: with nothing changed it does nothing and is quiet. A page that
# cannot be built is told once for each state of the sources, and keeps nobody from the rest: processes then serve the last one, or none.
#   usage: sh scripts/setup-ui.sh
set -eu
cd -- "$(dirname -- "$0")/.."
sources() {
  find ui proto flags policy package-lock.json -type f -printf '%p %s %T@\n' 2>/dev/null | sort | cksum
}
stamp=build/ui.sources
[ ! -e "$stamp" ] || [ "$(sources)" != "$(cat "$stamp")" ] || exit 0
case $(uname -m) in
  x86_64) arch=x64 ;;
  *) arch=arm64 ;;
esac
mkdir -p build
found=$(sources)
printf 'setup: building the page for browsers (npm run build:ui): its sources changed or were never built here\n' >&2
if "node_modules/node-linux-$arch/bin/node" node_modules/vite/bin/vite.js build --config ui/vite.config.ts --outDir "$PWD/build/ui-draft-$$" --logLevel warn >build/ui.log 2>&1; then
  # Never half a page, for whoever starts meanwhile.
  [ ! -d build/ui ] || mv build/ui "build/ui-old-$$"
  mv "build/ui-draft-$$" build/ui
  rm -rf "build/ui-old-$$"
else
  printf 'setup: the page did not build: see build/ui.log; without it agents and relays serve their API only\n' >&2
fi
printf '%s\n' "$found" >"$stamp"
