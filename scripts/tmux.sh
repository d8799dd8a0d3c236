#!/usr/bin/env bash
# tmux.sh DIR: a terminal that the live view can be tested in, when there is none
# on PATH: the distribution's package and its libraries, unpacked in DIR (nothing
# is installed on the machine), and DIR/tmux, which starts it. Where that cannot
# be had it says so and passes; the tests then say what they skip.
set -euo pipefail

dir=$1
readonly packages=(tmux libevent-core-2.1-7 libutempter0)

if command -v tmux >/dev/null || [[ -x $dir/tmux ]]; then
	exit 0
fi

fetch() {
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
	local room status=0
	room=$(mktemp -d)
	(
		cd "$room"
		chmod 755 . # apt's own user writes here when root asks
		apt-get download -q "${packages[@]}"
	) >/dev/null 2>&1 || status=1
	if ((status == 0)); then
		mkdir -p -- "$dir/root"
		local package
		for package in "$room"/*.deb; do
			dpkg-deb -x "$package" "$dir/root" || status=1
		done
	fi
	rm -rf -- "$room"
	return "$status"
}

if ! fetch; then
	echo 'tmux: not on PATH, and its package could not be fetched (install tmux to have the live view tested in a terminal)'
	exit 0
fi
cat >"$dir/start" <<'EOF'
#!/usr/bin/env bash
root=$(cd "$(dirname "$0")" && pwd)/root
LD_LIBRARY_PATH=$(printf '%s:' "$root"/usr/lib/*-linux-gnu)${LD_LIBRARY_PATH:-} exec "$root/usr/bin/tmux" "$@"
EOF
chmod +x "$dir/start"
if "$dir/start" -V >/dev/null 2>&1; then
	mv -- "$dir/start" "$dir/tmux"
	echo "tmux: unpacked in $dir"
else
	rm -rf -- "$dir"
	echo 'tmux: its package does not run here (install tmux to have the live view tested in a terminal)'
fi
