#!/bin/sh
# After the files are there, of deb and rpm alike. The service is not started:
# it has no pools before somebody declares them.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers mochi-pyd.conf
else
	getent group mochi-pyd >/dev/null || groupadd --system mochi-pyd
	getent passwd mochi-pyd >/dev/null ||
		useradd --system --gid mochi-pyd --home-dir /var/lib/mochi-pyd --no-create-home --shell /usr/sbin/nologin mochi-pyd
fi
# Without a running systemd, in a chroot or an image, the next boot does the rest.
if [ -d /run/systemd/system ]; then
	systemd-tmpfiles --create mochi-pyd.conf
	systemctl daemon-reload
	# An upgrade: the sockets stay open meanwhile, and who calls waits.
	systemctl try-restart mochi-pyd.service || true
fi
