#!/usr/bin/env bash
# lint-sh.sh FILE…: runs the shell linter over the scripts. The one on PATH, else
# the distribution's package unpacked under .tools (nothing is installed on the
# machine); where neither can be had it says so and passes, because a linter
# that cannot be fetched is no fault of the change.
set -euo pipefail

readonly unpacked=.tools/shellcheck/usr/bin/shellcheck

fetch() {
	local room
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
	mkdir -p .tools
	room=$(mktemp -d)
	(
		cd "$room"
		chmod 755 . # apt's own user writes here when root asks
		apt-get download -q shellcheck
	) >/dev/null 2>&1 && dpkg-deb -x "$room"/shellcheck_*.deb .tools/shellcheck
	local status=$?
	rm -rf -- "$room"
	return "$status"
}

if command -v shellcheck >/dev/null; then
	tool=shellcheck
elif [[ -x $unpacked ]] || fetch; then
	tool=$unpacked
else
	echo "shellcheck: not run: it is not on PATH and its package could not be fetched (install shellcheck to have the scripts checked)"
	exit 0
fi
"$tool" "$@"
echo "shellcheck: $# scripts are clean"
