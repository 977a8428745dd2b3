#!/bin/sh
# Answers "is everything set up?" by exit status, cheaply, because every command asks it first.
#   usage: sh scripts/setup-fresh.sh ARCH [bpf]     exit 0: nothing to do
#          sh scripts/setup-fresh.sh --stamp-bpf    remembers the BPF sources that were built
set -eu
sources() { cat bpf/Makefile bpf/*.bpf.c bpf/include/*.h bpf/shared/*.h 2>/dev/null | cksum; }
if [ "$1" = --stamp-bpf ]; then
  sources >build/bpf/.sources
  exit 0
fi
[ "${2:-}" != bpf ] || exit 1
[ -x "node_modules/node-linux-$1/bin/node" ] || exit 1
cmp -s package-lock.json node_modules/.sluice-lock || exit 1
command -v ip >/dev/null && command -v nsenter >/dev/null && command -v clang >/dev/null && command -v ping >/dev/null || exit 1
[ -e build/bpf/.sources ] && [ "$(sources)" = "$(cat build/bpf/.sources)" ]
