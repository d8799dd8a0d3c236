#!/usr/bin/env bash
# Makes packages: scripts/package.sh NFPM VERSION OUT FORMAT...
# Each format (deb, rpm) for each architecture, from binaries that are built here:
# static, but for mochi-pyd-embedded, which loads an interpreter's library. The
# same commit gives the same bytes: no path, no time but the commit's, no
# build id goes in.
set -euo pipefail
[[ $# -ge 4 ]] || { echo 'usage: scripts/package.sh NFPM VERSION OUT FORMAT...' >&2; exit 64; }
nfpm=$1 version=$2 out=$3
shift 3
read -ra architectures <<<"${ARCHITECTURES:-amd64 arm64}"

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# A package's version begins with a number and has no hyphen.
number=${version#v}
[[ $number =~ ^[0-9]+\. ]] || number=0.0.0+$number
number=${number//-/+}

mkdir -p "$out"
for format in "$@"; do rm -f "$out"/*."$format"; done
for arch in "${architectures[@]}"; do
	export PKG_ARCH=$arch PKG_VERSION=$number PKG_DIR=$out/linux-$arch
	mkdir -p "$PKG_DIR"
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOFLAGS='' GOAMD64=v1 go build -trimpath -buildvcs=false \
		-ldflags "-s -w -buildid= -X main.version=$version" -o "$PKG_DIR/" \
		./cmd/mochi-pyd ./cmd/mochi-pyd-python3 ./cmd/mochi-pyd-embedded
	for format in "$@"; do
		said=$("$nfpm" package --config deploy/nfpm.yaml --packager "$format" --target "$out/" 2>&1) || {
			printf '%s\n' "$said" >&2
			exit 1
		}
	done
done
(cd "$out" && for format in "$@"; do sha256sum ./*."$format"; done)
