#!/bin/sh
# Build the S3 server of the tests from the Go module proxy, unless the cache has it: some ten minutes of one processor.
set -eu
version=1.8.0
place=${XDG_CACHE_HOME:-$HOME/.cache}/runnerlib-tests/versitygw-$version
[ -x "$place/versitygw" ] && exit 0
command -v go >/dev/null || { echo "tests/versitygw.sh: no go to build the S3 server with" >&2; exit 1; }
mkdir -p "$place"
CGO_ENABLED=0 GOBIN="$place" go install -ldflags '-s -w' "github.com/versity/versitygw/cmd/versitygw@v$version"
