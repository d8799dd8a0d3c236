#!/usr/bin/env bash
# cleanroot.sh DIR: a minimal root of this machine's distribution in DIR/root, for
# the tests of the packages: what is essential, systemd, python3 and rpm, fetched
# with apt, unpacked and known to its dpkg; nothing is installed on the machine.
# Made once. Where it cannot be had this says so; the tests then say what they
# skip.
#
# Rejected: debootstrap and mmdebstrap, which take three times as long. They run
# every maintainer script, and none of those has to do with ours.
set -euo pipefail

dir=$1
# One that is found by its architecture has a file of its own.
readonly wanted=('?essential' systemd python3 passwd rpm)
# rpm wants perl for building packages, which nobody does here.
readonly unwanted='^(perl|perl-modules-.*|libperl.*|debugedit|gcc-.*-base)$'

give_up() {
	printf 'cleanroot: %s: the packages are not installed into a clean root\n' "$1"
	exit 0
}

stamp=$({ cat -- "$0" /etc/os-release; } 2>/dev/null | cksum)
if [[ -f $dir/.stamp && $(cat "$dir/.stamp") == "$stamp" ]]; then
	exit 0
fi
[[ $(id -u) == 0 ]] || give_up 'not root'
for tool in apt-get dpkg-deb ldconfig; do
	command -v "$tool" >/dev/null || give_up "$tool is not installed"
done

printf 'cleanroot: making one in %s\n' "$dir"
rm -rf -- "$dir"
mkdir -p -- "$dir"/{archives,lists,tables,root}/
dir=$(realpath "$dir")
: >"$dir/nothing"
mkdir "$dir"/{archives,lists}/partial
chmod 755 "$dir" "$dir/root"

# As if nothing were installed, so that apt names all.
fetch() {
	apt-get -qq -y -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
		-o Dir::State::status="$dir/nothing" -o Dir::Cache::archives="$dir/archives" "$@"
}
if ! fetch --download-only install "${wanted[@]}" >"$dir/log" 2>&1; then
	# A machine that is an image has no lists of packages.
	own=(-o "Dir::State::lists=$dir/lists")
	if ! fetch "${own[@]}" update >"$dir/log" 2>&1 || ! fetch "${own[@]}" --download-only install "${wanted[@]}" >"$dir/log" 2>&1; then
		give_up "apt-get cannot fetch it ($(tail -n 1 "$dir/log"))"
	fi
fi

root=$dir/root
mkdir -p "$root"/usr/{bin,sbin,lib,lib32,lib64} "$root"/{dev,proc,sys,run,tmp,root,etc} "$root"/var/lib/dpkg/{info,updates,triggers,alternatives} "$root/var/log"
for name in bin sbin lib lib32 lib64; do ln -s "usr/$name" "$root/$name"; done
echo 1 >"$root/var/lib/dpkg/info/format"
: >"$root/var/lib/dpkg/available"

# Files, and what dpkg wants to know of a package: that it is installed, and what
# it has. Times and owners are the archive's.
unpack() {
	local name
	name=$(dpkg-deb -f "$1" Package)
	if [[ $name =~ $unwanted ]]; then return 0; fi
	dpkg-deb --fsys-tarfile "$1" | tar -xv -C "$dir/root" --keep-directory-symlink \
		--exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' --exclude './usr/share/info/*' |
		sed -e 's,^\.,,' -e 's,\(.\)/$,\1,' -e 's,^/$,/.,' >"$dir/root/var/lib/dpkg/info/$name.list"
	{
		dpkg-deb -f "$1" | sed '1a Status: install ok installed'
		echo
	} >"$dir/tables/$name"
}
export -f unpack
export dir unwanted
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\0' "$dir"/archives/*.deb | xargs -0 -n 8 -P 2 bash -c 'set -euo pipefail; for deb; do unpack "$deb"; done' unpack >"$dir/log" 2>&1 ||
	give_up "a package cannot be unpacked ($(tail -n 1 "$dir/log"))"
cat -- "$dir"/tables/* >"$root/var/lib/dpkg/status"
# dpkg names the lists of packages that can be there for two architectures so.
arch=$(dpkg --print-architecture)
while read -r name; do
	mv -- "$root/var/lib/dpkg/info/$name.list" "$root/var/lib/dpkg/info/$name:$arch.list"
done < <(awk '/^Package: / { name = $2 } /^Multi-Arch: same/ { print name }' "$root/var/lib/dpkg/status")

# What the maintainer scripts would have made, as far as it matters.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
ldconfig -r "$root"
chroot "$root" systemd-sysusers 2>"$dir/log" || give_up "it gets no users ($(tail -n 1 "$dir/log"))"
ln -sf mawk "$root/usr/bin/awk"
chmod 1777 "$root/tmp"
rm -rf -- "$dir"/{archives,lists,tables,log,nothing}
if ! chroot "$root" /usr/bin/python3 -c '' || ! chroot "$root" dpkg-query -W python3 systemd >/dev/null; then
	give_up 'what was unpacked does not run'
fi
printf '%s' "$stamp" >"$dir/.stamp"
