#!/bin/sh
# Makes the gRPC code from proto/. With --check: makes it elsewhere and fails where the committed code differs.
set -eu
cd "$(dirname "$0")/.."
generated=node/wire/generated

generate_under() {
  node_modules/.bin/buf generate proto --template proto/buf.gen.yaml -o "$1"
}

if [ "${1:-}" != --check ]; then
  generate_under .
  exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate_under "$fresh"
if ! diff -r "$fresh/$generated" "$generated"; then
  echo "generated code differs from proto/: run 'make generate' and commit the result" >&2
  exit 1
fi
