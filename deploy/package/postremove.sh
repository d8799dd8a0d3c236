#!/bin/sh
# After the files are gone. A purge leaves /var/lib/mochi-pyd, which is what
# modules wrote, and the user it belongs to: a uid that is given to somebody else
# would own it.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
case "${1:-}" in
purge) rm -rf /run/mochi-pyd /etc/systemd/system/mochi-pyd.service.d ;;
0) rm -rf /run/mochi-pyd ;; # rpm has no purge: what an administrator wrote stays
esac
