#!/usr/bin/env bash
# Makes packages: scripts/package.sh NFPM VERSION OUT FORMAT...
# Each format (deb, rpm) for each architecture, from binaries that are built here:
# static, but for mochi-pyd-embedded, which loads an interpreter's library. The
# same commit gives the same bytes: no path, no time but the commit's, no name of
# this machine, no build id goes in. ARCHITECTURES says which of amd64 and arm64.
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
flags=(-trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$version")
export CGO_ENABLED=0 GOFLAGS='' GOAMD64=v1 GOARM64=v8.0

for format in "$@"; do rm -f "$out"/*."$format"; done
for arch in "${architectures[@]}"; do
	mkdir -p "$out/linux-$arch"
	GOOS=linux GOARCH=$arch go build "${flags[@]}" -o "$out/linux-$arch/" \
		./cmd/mochi-pyd ./cmd/mochi-pyd-python3 ./cmd/mochi-pyd-embedded
done

# What the program writes of itself is the same for each architecture, and one
# that runs here writes it.
export PKG_PAGES=$out/pages
rm -rf "$PKG_PAGES"
mkdir -p "$PKG_PAGES"/{man,complete}
native=$out/$(go env GOHOSTOS)-$(go env GOHOSTARCH)/mochi-pyd
if [[ ! -x $native || " ${architectures[*]} " != *" $(go env GOHOSTARCH) "* ]]; then
	native=$PKG_PAGES/mochi-pyd
	GOOS='' GOARCH='' go build "${flags[@]}" -o "$native" ./cmd/mochi-pyd
fi
"$native" manpage "$PKG_PAGES/man"
gzip -9 --no-name "$PKG_PAGES"/man/*.1
for shell in bash zsh fish; do "$native" completion "$shell" >"$PKG_PAGES/complete/$shell"; done

for arch in "${architectures[@]}"; do
	export PKG_ARCH=$arch PKG_VERSION=$number PKG_DIR=$out/linux-$arch
	for format in "$@"; do
		said=$("$nfpm" package --config deploy/nfpm.yaml --packager "$format" --target "$out/" 2>&1) || {
			printf '%s\n' "$said" >&2
			exit 1
		}
	done
done
(cd "$out" && for format in "$@"; do sha256sum ./*."$format"; done)
