#!/bin/sh
# Build a real Kubernetes control plane of the tests (etcd, API server, controllers, scheduler: one program) from the
# Go module proxy, unless the cache has it. From empty caches some 30 minutes of one processor, and 3 GB of disk.
set -eu
version=1.34.4
here=$(cd "$(dirname "$0")" && pwd)
place=${XDG_CACHE_HOME:-$HOME/.cache}/runnerlib-tests/kubernetes-$version
[ -x "$place/kubernetes" ] && exit 0
command -v go >/dev/null || { echo "tests/kubernetes/build.sh: no go to build Kubernetes with" >&2; exit 1; }
mkdir -p "$place/source"
cp "$here/control_plane.go" "$place/source/main.go"
cd "$place/source"
# k8s.io/kubernetes names its staging modules by paths inside of its own repository: each is a module of the same minor.
own=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
{
    echo 'module controlplane'
    sed -n 's/^go /go /p' "$own"
    echo "require k8s.io/kubernetes v$version"
    sed -n 's|^[[:space:]]*\(k8s.io/[a-z0-9-]*\) => ./staging/.*|replace \1 => \1 v0.'"${version#1.}"'|p' "$own"
} >go.mod
GOFLAGS=-mod=mod go mod tidy >tidy.log 2>&1 || { tail -20 tidy.log >&2; exit 1; }
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v'"$version" -o "$place/kubernetes.new" .
mv "$place/kubernetes.new" "$place/kubernetes"
rm -rf "$place/source"
