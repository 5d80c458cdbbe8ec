#!/bin/sh
# Makes the gRPC code, and the descriptor set that reflection serves, from proto/. With --check: makes them elsewhere and
# fails where what is committed differs.
set -eu
cd "$(dirname "$0")/.."
generated=node/wire/generated
health=node_modules/grpc-health-check/proto

descriptors_of() {
  node_modules/.bin/buf build "$1" --as-file-descriptor-set --exclude-source-info -o -#format=binpb
}

generate_under() {
  node_modules/.bin/buf generate proto --template proto/buf.gen.yaml -o "$1"
  # Sets are joined by writing one after the other.
  { descriptors_of proto && descriptors_of "$health"; } >"$1/$generated/descriptor-set.binpb"
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
