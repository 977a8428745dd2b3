#!/bin/sh
# Brings a fresh machine to the point where everything here runs: Debian packages, npm packages (with the right Node
# among them) and the BPF objects. Idempotent: with nothing missing it takes a few milliseconds and prints nothing.
# Each step says on stderr what it does and why; a step that fails names the package and the command to run by hand.
#   usage: sh scripts/setup.sh [bpf]       "bpf" builds the objects again even if they look fresh
# Plain sh, because it runs before any right Node is there.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

exec 3>&2 # what is said reaches the terminal also from a step whose own output goes to a log
say() { printf 'setup: %s\n' "$*" >&3; }
fail() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

case $(uname -s)/$(uname -m) in
  Linux/x86_64) arch=x64 ;;
  Linux/aarch64 | Linux/arm64) arch=arm64 ;;
  *) fail "Sluice runs on Linux x86_64 and aarch64, this is $(uname -s) $(uname -m)" ;;
esac

# Two starts at once (an observe in a second terminal during the first set-up) must not install twice.
mkdir -p build
if command -v flock >/dev/null 2>&1 && [ -z "${SLUICE_SETUP_LOCKED:-}" ] && ! sh scripts/setup-fresh.sh "$arch" "${1:-}"; then
  SLUICE_SETUP_LOCKED=1 exec flock build/setup.lock sh "$0" "$@"
fi
if sh scripts/setup-fresh.sh "$arch" "${1:-}"; then
  exec sh scripts/setup-ui.sh
fi

# name-of-a-file-that-shows-it|package|reason
debian_needs='
clang|clang|compiles the BPF programs
ip|iproute2|makes network namespaces, veth pairs and routes
nsenter|util-linux|starts programs inside a network namespace
make|make|builds the BPF objects
ping|iputils-ping|the lab sends real ICMP echoes
'
missing=''
for need in $(printf '%s' "$debian_needs" | tr ' ' '_'); do
  tool=${need%%|*}
  rest=${need#*|}
  package=${rest%%|*}
  reason=$(printf '%s' "${rest#*|}" | tr '_' ' ')
  if ! command -v "$tool" >/dev/null 2>&1; then
    say "needs $package: $reason"
    missing="$missing $package"
  fi
done
if [ ! -e /usr/include/bpf/bpf_helpers.h ]; then
  say "needs libbpf-dev: the BPF programs include its headers"
  missing="$missing libbpf-dev"
fi
if ! ldconfig -p 2>/dev/null | grep -q 'libbpf\.so\.1'; then
  say "needs libbpf1: loads the BPF objects into the kernel"
  missing="$missing libbpf1"
fi
if [ ! -e /usr/include/linux/bpf.h ] || ! ls /usr/include/*/asm/types.h >/dev/null 2>&1; then
  say "needs linux-libc-dev: the kernel's headers for the BPF programs"
  missing="$missing linux-libc-dev"
fi
if [ -n "$missing" ]; then
  by_hand="apt-get install --no-install-recommends$missing"
  command -v apt-get >/dev/null 2>&1 ||
    fail "these packages are missing and there is no apt-get to install them:$missing" "install them with this machine's package manager, then start again"
  [ "$(id -u)" = 0 ] || fail "these packages are missing and only root can install them:$missing" "run as root: $by_hand"
  export DEBIAN_FRONTEND=noninteractive
  say "installing$missing (apt-get)"
  # shellcheck disable=SC2086 -- one word per package
  apt-get -qq install -y --no-install-recommends $missing >build/apt.log 2>&1 ||
    { apt-get -qq update >>build/apt.log 2>&1 && apt-get -qq install -y --no-install-recommends $missing >>build/apt.log 2>&1; } ||
    fail "apt-get could not install:$missing" "its last words: $(tail -n 1 build/apt.log)" "by hand: apt-get update && $by_hand"
fi

# npm leaves out optional platform packages whose `engines` the running Node does not meet, and says nothing: the linter's
# and the formatter's native parts would be missing. So an old Node only fetches a new one and its npm, which then do the rest.
pinned_node=$(sed -n "s/.*\"node-linux-$arch\": \"\(.*\)\".*/\1/p" package.json)
pinned_npm=11.19.1
npm_with_new_node() {
  node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$node_major" -ge 22 ]; then
    npm "$@"
    return
  fi
  toolchain=$root/build/toolchain/node_modules
  if [ ! -x "$toolchain/node-linux-$arch/bin/node" ] || [ ! -e "$toolchain/npm/bin/npm-cli.js" ]; then
    say "fetching Node $pinned_node and npm $pinned_npm: this machine's Node is $(node --version 2>/dev/null || echo absent)"
    npm install --prefix build/toolchain --no-save --no-audit --no-fund --loglevel=error --ignore-scripts \
      "node-linux-$arch@$pinned_node" "npm@$pinned_npm" || return
  fi
  # The machine's own npm settings (proxy, certificates, registry) stay in force for the other npm.
  NPM_CONFIG_GLOBALCONFIG=$(npm config get globalconfig) PATH="$toolchain/node-linux-$arch/bin:$PATH" "$toolchain/node-linux-$arch/bin/node" "$toolchain/npm/bin/npm-cli.js" "$@"
}

if ! cmp -s package-lock.json node_modules/.sluice-lock; then
  command -v npm >/dev/null 2>&1 || fail "npm is missing" "install it: apt-get install --no-install-recommends npm"
  say "installing npm packages, with Node 24 among them: package-lock.json changed or this is a fresh clone"
  # Not `npm ci`: it refuses a lock file that lacks an optional package of a platform nobody here has.
  npm_with_new_node install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >build/npm.log 2>&1 ||
    fail "npm install failed" "its last words: $(tail -n 3 build/npm.log | tr '\n' ' ')" "by hand: npm install --no-save --ignore-scripts"
  [ -x "node_modules/node-linux-$arch/bin/node" ] ||
    fail "npm did not install node-linux-$arch, the Node that Sluice runs on" "by hand: npm install --no-save node-linux-$arch@$pinned_node"
  cp package-lock.json node_modules/.sluice-lock
fi

say "building the BPF objects (make -C bpf): their sources changed or were never built here"
make -s -C bpf OUT="$root/build/bpf" >build/bpf.log 2>&1 ||
  fail "the BPF programs did not compile" "see build/bpf.log: $(grep -m 1 -E 'error|Error' build/bpf.log)" "by hand: make -C bpf OUT=$root/build/bpf"
sh scripts/setup-fresh.sh --stamp-bpf

say "bundling the command line: it starts sooner from one file than from its sources"
"node_modules/node-linux-$arch/bin/node" scripts/bundle-cli.ts

exec sh scripts/setup-ui.sh
