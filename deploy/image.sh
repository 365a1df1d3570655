#!/usr/bin/env bash
# Builds the container image: with docker or podman if an engine runs. Without one,
# with buildah, which needs none, and with a stand-in under the name of the base
# image, made of this machine's own Go, since no image registry may be in reach; the
# image is then looked at and thrown away. Where buildah may not run either, as
# without the right to chroot, the binary alone is built and looked at.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-rowshift:dev}
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

if docker info >/dev/null 2>&1; then
  exec docker build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" -t "$tag" .
fi
if podman info >/dev/null 2>&1; then
  exec podman build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" -t "$tag" .
fi

tmp=$(mktemp -d)
# This machine's Go and its caches are mounted below tmp during the build. Nothing
# is removed as long as one of them could be.
tidy() {
  if grep -qF " $tmp/" /proc/self/mountinfo; then
    echo "image: something is still mounted below $tmp, which is left as it is" >&2
    return
  fi
  chmod -R u+w "$tmp" && rm -rf "$tmp"
}
trap tidy EXIT

b() {
  buildah --root "$tmp/storage" --runroot "$tmp/run" --storage-driver vfs "$@"
}

# have_buildah gets buildah if it may.
have_buildah() {
  [ "$(id -u)" = 0 ] || return 1 # others could not write the files' owners
  command -v buildah >/dev/null && return
  command -v apt-get >/dev/null || return 1
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah; } >"$tmp/apt.log" 2>&1
}

# libraries_of copies the libraries that a program is linked with, if any.
libraries_of() {
  local f
  for f in $(ldd "$1" 2>/dev/null | grep -o '/[^ )]*' || true); do
    cp -L --parents "$f" "$2"
  done
}

# stand_in commits what the Dockerfile uses of its base image: a shell, certificates
# and time zones. Go itself is mounted in.
stand_in() {
  local root=$tmp/base name=$1 made zones=/usr/share/zoneinfo
  mkdir -p "$root"/{bin,etc/ssl/certs,go/pkg/mod,gocache,root,tmp,usr/local/go,usr/share/zoneinfo}
  cp -L --parents "$(readlink -f /bin/sh)" "$root"
  libraries_of /bin/sh "$root"
  libraries_of "$(go env GOROOT)/bin/go" "$root"
  [ -e "$root/bin/sh" ] || ln -s "$(readlink -f /bin/sh)" "$root/bin/sh"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  if [ -d "$zones" ]; then cp -r "$zones/." "$root$zones"; fi
  made=$(b from scratch)
  b copy -q "$made" "$root" /
  b config --env PATH=/usr/local/go/bin:/usr/bin:/bin --env GOPATH=/go --env GOCACHE=/gocache --env GOTOOLCHAIN=local \
    --env "GOPROXY=$(go env GOPROXY)" --env "GOSUMDB=$(go env GOSUMDB)" --env "GONOSUMDB=$(go env GONOSUMDB)" "$made"
  b commit -q --signature-policy "$tmp/policy.json" --rm "$made" "$name"
}

# with_buildah builds the image as an engine would and looks at it.
with_buildah() {
  local base made user root denied
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$tmp/policy.json"
  mkdir -p "$(go env GOMODCACHE)"
  base=$(awk '$1 == "FROM" && $2 != "scratch" { print $2; exit }' Dockerfile)
  stand_in "$base" || return
  b bud -q --isolation chroot --pull-never --signature-policy "$tmp/policy.json" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    --volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/go/pkg/mod" --volume "$(go env GOCACHE):/gocache" \
    -t "$tag" . || return
  made=$(b from --pull-never "$tag") || return
  user=$(b inspect --format '{{.OCIv1.Config.User}}' "$made") || return
  if [ "$user" != 65532:65532 ]; then
    echo "image: it runs as ${user:-root}" >&2
    exit 1
  fi
  root=$(b mount "$made") || return
  # A file that is only root's cannot be read: it is not root that runs. There is no
  # dynamic loader in the image: what runs is static.
  install -m 600 /dev/null "$root/of-root.yaml"
  b run --isolation chroot "$made" -- /rowshift version || return
  denied=$(b run --isolation chroot "$made" -- /rowshift check --config /of-root.yaml 2>&1 || true)
  if ! grep -q 'permission denied' <<<"$denied"; then
    echo "image: a file that is only root's could be read: $denied" >&2
    exit 1
  fi
  rm "$root/of-root.yaml"
  echo "image: $tag from the Dockerfile by buildah, user $user, $(du -sb "$root" | cut -f1) bytes; it was looked at and is not kept: install docker or podman for one to push"
  b umount "$made" >/dev/null
  b rm "$made" >/dev/null
}

# by_hand builds what the image would hold and looks at it.
by_hand() {
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version -X main.revision=$revision" -o "$tmp/rowshift" ./cmd/rowshift
  if ldd "$tmp/rowshift" >/dev/null 2>&1; then
    echo "image: the binary is not static" >&2
    return 1
  fi
  grep -q '^USER 65532:65532$' Dockerfile || { echo "image: the Dockerfile does not drop root" >&2; return 1; }
  env -i "$tmp/rowshift" version
  echo "image: neither an engine nor buildah can run here; the binary was built and checked alone ($(stat -c %s "$tmp/rowshift") bytes), and there is no image"
}

if ! have_buildah || ! with_buildah; then
  by_hand
fi
