#!/usr/bin/env bash
# need.sh NAME…: says in one sentence each what is missing on this machine, and
# fails if anything is. Everything that is not asked for here, the project sets
# up by itself.
set -euo pipefail

missing=0
lack() {
	printf 'need: %s\n' "$1" >&2
	missing=1
}

check_go() {
	if ! command -v go >/dev/null; then
		lack "Go is missing: install Go 1.26 or newer and put it on PATH."
	elif ! go list -m >/dev/null 2>&1; then
		lack "this Go ($(go env GOVERSION)) cannot use go.mod, which asks for $(sed -n 's/^go /Go /p' go.mod): install that or newer."
	fi
}

check_gcc() {
	local cc
	cc=$(go env CC 2>/dev/null || echo gcc)
	if ! command -v "${cc%% *}" >/dev/null; then
		lack "a C compiler (${cc}) is missing, and go test -race needs one: install gcc."
	elif ! printf '#include <stdlib.h>\nint main(void){return 0;}\n' | "${cc%% *}" -x c -o /dev/null - 2>/dev/null; then
		lack "${cc} cannot compile a three-line program: install the C library's headers (libc6-dev, glibc-devel or musl-dev)."
	fi
}

check_python() {
	if ! command -v python3 >/dev/null; then
		lack "python3 is missing: install CPython 3.9 or newer."
	elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
		lack "python3 is too old or does not run ($(python3 --version 2>&1 | head -n 1)): install CPython 3.9 or newer."
	elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
		lack "python3 has no venv module: install it (python3-venv on Debian and Ubuntu)."
	fi
}

for name in "$@"; do
	case $name in
	go) check_go ;;
	gcc) check_gcc ;;
	python3) check_python ;;
	*) lack "need.sh does not know \"$name\": use go, gcc or python3." ;;
	esac
done
exit "$missing"
