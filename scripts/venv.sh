#!/usr/bin/env bash
# venv.sh DIR REQUIREMENTS…: a virtual environment at DIR that holds exactly
# what the pinned files say. It is made once: a stamp with the files' digest and
# the interpreter's version tells whether DIR is still what was asked for.
set -euo pipefail

readonly tries=3 # a package index may hiccup; a wrong pin fails three times as fast as once

dir=$1
shift

# A version manager's shim costs 65 ms a start and moves under our feet: the
# environment is made from the interpreter behind it.
python=$(python3 -c 'import sys; print(sys.executable)')
stamp=$({ "$python" --version && cat -- "$@"; } | cksum)

if [[ -f $dir/.stamp && $(cat "$dir/.stamp") == "$stamp" ]]; then
	exit 0
fi

printf 'venv: making %s with %s\n' "$dir" "$("$python" --version)"
rm -rf -- "$dir"
"$python" -m venv "$dir"

files=()
for file in "$@"; do
	files+=(-r "$file")
done
# --no-deps: the files name every distribution. What pip would add by itself is
# not pinned, so it is a fault of the files; `pip check` finds it.
for ((try = 1; ; try++)); do
	if "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "${files[@]}" </dev/null; then
		break
	fi
	if ((try == tries)); then
		printf 'venv: pip failed %d times; its last words are above. It needs a package index it can reach.\n' "$tries" >&2
		exit 1
	fi
	printf 'venv: pip failed, trying again (%d of %d)\n' "$((try + 1))" "$tries" >&2
	sleep "$((try * 2))"
done
"$dir/bin/python" -m pip check --disable-pip-version-check >/dev/null || {
	"$dir/bin/python" -m pip check --disable-pip-version-check >&2
	exit 1
}
printf '%s' "$stamp" >"$dir/.stamp"
