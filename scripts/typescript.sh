#!/usr/bin/env bash
# typescript.sh DIR: the pinned TypeScript compiler in DIR/node_modules, for the
# test of generated clients. Made once, as venv.sh's environments are. Without
# node and npm there is none, which this says; the test then says what it skips.
set -euo pipefail

dir=$1
pins=$(cd "$(dirname "$0")/requirements/typescript" && pwd)

for tool in node npm; do
	if ! command -v "$tool" >/dev/null; then
		printf 'typescript: %s is not installed: generated TypeScript clients are not compiled\n' "$tool"
		exit 0
	fi
done

stamp=$({ node --version && cat -- "$pins"/*.json; } | cksum)
if [[ -f $dir/.stamp && $(cat "$dir/.stamp") == "$stamp" ]]; then
	exit 0
fi

printf 'typescript: installing into %s\n' "$dir"
rm -rf -- "$dir"
mkdir -p -- "$dir"
cp -- "$pins"/*.json "$dir"
if ! (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --silent </dev/null); then
	rm -rf -- "$dir"
	printf 'typescript: npm failed: it needs a package index it can reach; generated TypeScript clients are not compiled\n' >&2
	exit 0
fi
printf '%s' "$stamp" >"$dir/.stamp"
