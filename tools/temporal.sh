#!/usr/bin/env bash
# Build the Temporal server that the tests run, where Go is; it is built once, into Go's own folder.
# Prints where it is. With CI=1 and Go present, a build that fails is a failure.
set -u
version=v1.5.1  # later ones replace modules, which `go install` refuses
found=$(command -v temporal)
if [ -z "$found" ] && command -v go >/dev/null; then
  into=$(go env GOBIN)
  found=${into:-$(go env GOPATH)/bin}/temporal
fi
if [ -n "$found" ] && [ -x "$found" ]; then
  echo "$found"
  exit 0
fi
why="there is no Go to build it with"
if [ -n "$found" ]; then
  echo "building a Temporal server for the tests: this takes some minutes, once" >&2
  go install "github.com/temporalio/cli/cmd/temporal@$version" >&2 && echo "$found" && exit 0
  why="it cannot be built here"
fi
echo "there is no Temporal server ($why): the tests of that driver are skipped" >&2
[ -n "$found" ] && [ -n "${CI:-}" ] && exit 1
exit 0
