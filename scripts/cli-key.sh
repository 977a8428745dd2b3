# Sourced by what makes the bundle of the command line (scripts/bundle-cli.ts) and by what runs it (./sluice).
# Prints a number that changes with every change of a file that the bundle is made of. Times of status changes (%C) are in
# it: they cannot be set back, as a copy or an archive does with times of modification.
cli_key() {
  find cli flags proto rpc cluster history package.json package-lock.json -type f -printf '%p %s %T@ %C@\n' 2>/dev/null | cksum | tr -d ' '
}
