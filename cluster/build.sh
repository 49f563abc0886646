#!/bin/sh
# Builds the programs of this module, always with the same flags, so that they share a build cache.
#
#   build.sh OUT            the whole cluster as one program, and network-policy-cni beside it
#   build.sh --kubectl OUT  kubectl alone, static and stripped, for the workbench image
#   build.sh --e2e DIR      Kubernetes' end-to-end suite (DIR/e2e.test) and the program of its test image (DIR/agnhost)
set -eu

kubernetes=1.35.4
built_at=2026-04-15T18:01:22Z # when the release was built, so that the same sources give the same program

usage() {
	sed -n 's/^#   //p' "$0" >&2
	exit 2
}

case "${1-}" in
--kubectl | --e2e) what=$1; shift ;;
-* | '') usage ;;
*) what=--cluster ;;
esac
[ $# -eq 1 ] || usage

mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")"

ldflags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	# A module from the proxy does not record its commit. Leave it empty rather than guess it.
	for pair in "gitVersion=v$kubernetes" gitMajor=1 gitMinor=35 gitCommit= gitTreeState=archive "buildDate=$built_at"; do
		ldflags="$ldflags -X $package.$pair"
	done
done

export CGO_ENABLED=0
build() { go build -trimpath -buildvcs=false -ldflags "$ldflags" "$@"; }

case $what in
--cluster)
	build -o "$out" .
	build -o "$(dirname "$out")/network-policy-cni" ./network-policy-cni
	;;
--kubectl) build -o "$out" k8s.io/kubernetes/cmd/kubectl ;;
--e2e)
	mkdir -p "$out"
	# Build the suite's dependencies first, because go test prints no package that it compiles.
	go build -trimpath -buildvcs=false $(go list -f '{{range .TestImports}}{{.}} {{end}}' k8s.io/kubernetes/test/e2e)
	go test -c -vet=off -trimpath -buildvcs=false -ldflags "$ldflags" -o "$out/e2e.test" k8s.io/kubernetes/test/e2e
	build -o "$out/agnhost" k8s.io/kubernetes/test/images/agnhost
	;;
esac
