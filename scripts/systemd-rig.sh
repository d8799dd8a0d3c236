#!/usr/bin/env bash
# Boots a real systemd as PID 1, in namespaces of its own, over a copy-on-write
# picture of this machine: tests see what systemd does with the units, and the
# machine sees nothing of it.
#
#   scripts/systemd-rig.sh TREE              says the guest's PID 1 on stdout when
#                                            it is up; ends it when stdin ends
#   scripts/systemd-rig.sh TREE -- CMD...    runs CMD inside; ends with its status
#
# With SYSTEMD_RIG_ROOT the picture is of that root instead, as cleanroot.sh makes
# one.
# TREE is copied over the guest's root: usr/bin, etc/systemd/system, and so on.
# Needs root, a unified cgroup hierarchy that can be written, and overlayfs; ends
# with status 77 and a reason where one is missing.
set -euo pipefail

missing() {
	printf 'systemd-rig: %s\n' "$1" >&2
	exit 77
}

[[ $# -ge 1 && -d $1 ]] || { echo 'usage: scripts/systemd-rig.sh TREE [-- CMD...]' >&2; exit 64; }
tree=$(realpath "$1")
shift
[[ ${1:-} != -- ]] || shift

[[ $(id -u) == 0 ]] || missing 'not root: namespaces and mounts need it'
for tool in unshare nsenter setpriv pivot_root systemctl ip; do
	command -v "$tool" >/dev/null || missing "no $tool on PATH"
done
lower=${SYSTEMD_RIG_ROOT:-/}
[[ $lower != *[:,]* ]] || missing "overlayfs cannot name $lower"
init=
for candidate in /usr/lib/systemd/systemd /lib/systemd/systemd; do
	[[ -x $lower$candidate ]] && init=$candidate && break
done
[[ -n $init ]] || missing "no systemd in $lower"
grep -q overlay /proc/filesystems || missing 'no overlayfs in this kernel'

# On a machine with both hierarchies the unified one stands beside the others.
hierarchy=/sys/fs/cgroup
[[ -d $hierarchy/unified ]] && hierarchy=$hierarchy/unified
[[ $(stat -f -c %T "$hierarchy") == cgroup2fs ]] || missing "no unified cgroup hierarchy at $hierarchy"
group=$hierarchy/systemd-rig.$$
mkdir "$group" 2>/dev/null || missing "no cgroup can be made in $hierarchy"

place=$(mktemp -d "${TMPDIR:-/tmp}/systemd-rig.XXXXXX")
outer=
guest=
# The guest first: who started it then ends by itself, and leaves no zombie for
# the machine to bury. A cgroup is empty a moment after its last process has ended.
tidy() {
	[[ -z ${guest:-$outer} ]] || kill -KILL "${guest:-$outer}" 2>/dev/null || true
	wait 2>/dev/null || true
	for _ in {1..50}; do
		find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
		[[ -d $group ]] || break
		sleep 0.02
	done
	rm -rf "$place"
}
trap tidy EXIT
trap 'exit 143' TERM INT HUP

# Units of the machine that would touch its hardware or its kernel's settings, or
# wait for what no guest has.
masked=(
	dbus.socket dbus.service dev-hugepages.mount dev-mqueue.mount getty.target
	proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount
	sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
	systemd-binfmt.service systemd-initctl.socket systemd-journald-audit.socket
	systemd-modules-load.service systemd-pcrphase-sysinit.service
	systemd-pcrphase.service systemd-random-seed.service
	systemd-remount-fs.service systemd-sysctl.service systemd-sysusers.service
	systemd-timesyncd.service systemd-tmpfiles-setup-dev.service
	systemd-udev-trigger.service systemd-udevd.service systemd-update-utmp.service
	systemd-networkd.socket systemd-resolved.service
)

export tree place init lower
export masked_units="${masked[*]}"
# /proc/sys is read-only in the guest: what boots there must not set the
# machine's kernel.
# shellcheck disable=SC2016 # expanded by the inner shell
build='
set -euo pipefail
mount -t tmpfs -o mode=755 tmpfs "$place"
mkdir "$place"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" "$place/root"
root=$place/root
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
while read -r name minor; do mknod -m 666 "$root/dev/$name" c 1 "$minor"; done <<<$"null 3
zero 5
full 7
random 8
urandom 9"
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root"/dev/{pts,shm}
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/lock"
rm -rf "$root"/etc/systemd/system "$root"/var/log/journal
mkdir -p "$root/etc/systemd/system"
for unit in $masked_units; do ln -s /dev/null "$root/etc/systemd/system/$unit"; done
cat >"$root/etc/systemd/system/systemd-rig.target" <<-END
[Unit]
Description=what the rig boots
DefaultDependencies=no
Requires=systemd-journald.socket systemd-journald.service sockets.target
After=systemd-journald.service sockets.target
END
cp -a --no-preserve=ownership "$tree/." "$root/"
chmod 755 "$root" # a temporary directory is its owner'"'"'s alone, a root is everybody'"'"'s
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
: >"$root/etc/machine-id"
ip link set lo up || true
hostname systemd-rig
cd "$root"
mkdir .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
exec env -i container=systemd-rig PATH=/usr/sbin:/usr/bin:/sbin:/bin "$init" --system \
	--unit=systemd-rig.target --log-target=journal-or-kmsg --show-status=false
'
(
	echo "$BASHPID" >"$group/cgroup.procs"
	# Who kills this script has no guest left over, either.
	exec setpriv --pdeathsig KILL unshare --pid --fork --mount --propagation private --ipc --uts --net --cgroup \
		--kill-child=SIGKILL bash -c "$build"
) >"$place.log" 2>&1 </dev/null &
outer=$!

inside() { nsenter -t "$guest" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM=dumb LANG=C.UTF-8 "$@"; }
up=
for _ in {1..400}; do
	kill -0 "$outer" 2>/dev/null || break
	read -r guest _ <"/proc/$outer/task/$outer/children" || true
	if [[ -n $guest && $(cat "/proc/$guest/comm" 2>/dev/null) == systemd ]] &&
		[[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; then
		up=yes
		break
	fi
	sleep 0.025
done
log=$(cat "$place.log")
rm -f "$place.log"
[[ -n $up ]] || missing "systemd did not come up: ${log:-it said nothing}"

if [[ $# -gt 0 ]]; then
	status=0
	inside "$@" || status=$?
	exit "$status"
fi
echo "$guest"
cat >/dev/null # until whoever started us has enough
