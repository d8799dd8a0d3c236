#!/usr/bin/env bash
# promtool.sh DIR: promtool in DIR, for the tests of deploy/alerts.yml: this
# machine's own, or the one inside Debian's package prometheus, which is fetched
# and not installed. Where neither can be had this says so; the tests then say
# what they skip. (Building it from its Go module would compile the clients of
# every cloud that Prometheus can discover targets in.)
set -euo pipefail

dir=$1

if [[ -x $dir/promtool ]] && "$dir/promtool" --version >/dev/null 2>&1; then
	exit 0
fi
mkdir -p -- "$dir"
if own=$(command -v promtool); then
	ln -sf -- "$own" "$dir/promtool"
	exit 0
fi
for tool in apt-get dpkg-deb; do
	if ! command -v "$tool" >/dev/null; then
		printf 'promtool: neither promtool nor %s is installed: the alerts are not evaluated\n' "$tool"
		exit 0
	fi
done

printf 'promtool: fetching it (19 MB)\n'
work=$(mktemp -d)
chmod 755 "$work" # apt has a user of its own write here when root asks
trap 'rm -rf -- "$work"' EXIT
if ! (cd "$work" && apt-get -qq download prometheus && dpkg-deb -x prometheus_*.deb x) >/dev/null 2>"$work/log"; then
	printf 'promtool: it cannot be fetched: the alerts are not evaluated (%s)\n' "$(tail -n 1 "$work/log")" >&2
	exit 0
fi
mv -- "$work/x/usr/bin/promtool" "$dir/promtool"
