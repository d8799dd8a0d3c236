#!/bin/sh
# Before the files go. deb says "remove" or "upgrade", rpm says how many
# versions stay: an upgrade stops nothing.
set -e
case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now mochi-pyd.socket mochi-pyd-control.socket mochi-pyd.service || true
elif command -v systemctl >/dev/null 2>&1; then
	systemctl disable mochi-pyd.socket mochi-pyd-control.socket mochi-pyd.service || true
fi
