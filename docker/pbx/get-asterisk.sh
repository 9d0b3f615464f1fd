#!/bin/sh
# Gets an Asterisk >= 22 and prints one line on standard output:
#   path <file>    the asterisk on PATH is new enough
#   root <folder>  a root folder of its own in the cache, to be run with chroot
# Everything meant for people goes to standard error. Quick when it is already there.
#
# "get-asterisk.sh install <package>..." only installs packages, as root.
#
# METAFLOWS_ASTERISK_SUITE  the Debian suite to take it from (default forky)
# METAFLOWS_ASTERISK_ROOT   1: do not look on PATH
set -eu
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

suite=${METAFLOWS_ASTERISK_SUITE:-forky}
oldest=22
cache=${XDG_CACHE_HOME:-${HOME:?neither XDG_CACHE_HOME nor HOME is set}/.cache}/metaflows
root=$cache/asterisk-$suite

say() { printf '%s\n' "$*" >&2; }
fail() { say "get-asterisk: $*"; exit 1; }

# install PACKAGE...: from the repositories of this system. Old lists are better than none, so an update that fails ends nothing.
install() {
	command -v apt-get >/dev/null || fail "apt-get is not here (Debian and Ubuntu have it). Install in your system's way: $*"
	[ "$(id -u)" = 0 ] || fail "only root can install packages. Type: sudo apt-get install $*"
	lists=$(mktemp)
	if ! apt-get update >"$lists" 2>&1; then
		cat "$lists" >&2
		if grep -Eq "$outdated" "$lists"; then
			say "get-asterisk: a Release file of this system's repositories has run out of date; again without that one check (signatures are still checked)"
			apt-get -o Acquire::Check-Valid-Until=false update >&2 || say "get-asterisk: apt-get update failed; going on with the lists that are here"
		else
			say "get-asterisk: apt-get update failed; going on with the lists that are here"
		fi
	fi
	rm -f "$lists"
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2 </dev/null
}
outdated='is expired|is not valid any ?more|invalid since'

if [ "${1:-}" = install ]; then
	shift
	install "$@" || fail "these packages could not be installed: $*"
	exit 0
fi

# new_enough VERSION-LINE: "Asterisk 22.10.1~dfsg..." or "Asterisk certified/..."
new_enough() {
	major=$(printf '%s\n' "$1" | sed -n 's/^Asterisk \(certified[/-]\)\{0,1\}\([0-9][0-9]*\).*/\2/p')
	[ -n "$major" ] && [ "$major" -ge "$oldest" ]
}

if [ "${METAFLOWS_ASTERISK_ROOT:-}" != 1 ] && found=$(command -v asterisk); then
	version=$("$found" -V 2>/dev/null || true)
	if new_enough "$version"; then
		echo "path $found"
		exit 0
	fi
	say "get-asterisk: $found is ${version:-of unknown version}, $oldest or newer is needed; taking one of our own"
fi

if [ -x "$root/usr/sbin/asterisk" ]; then
	echo "root $root"
	exit 0
fi

[ "$(id -u)" = 0 ] || fail "no Asterisk >= $oldest here, and a root folder can only be made and run by root. Type your command again with sudo, for example:
  sudo -E env \"PATH=\$PATH\" make test
or install Asterisk $oldest or newer and put it on PATH."

# One at a time: the others wait here and then find the folder made.
mkdir -p "$cache"
command -v flock >/dev/null || fail "flock is missing. Type: apt-get install util-linux"
exec 9>"$root.lock"
flock -n 9 || { say "get-asterisk: waiting for another one that is making $root"; flock 9; }
if [ -x "$root/usr/sbin/asterisk" ]; then
	echo "root $root"
	exit 0
fi

# Debian's keys are on every Debian; other systems, as Ubuntu, have them in this package.
needed=
command -v mmdebstrap >/dev/null || needed=mmdebstrap
ls /usr/share/keyrings/debian-archive-keyring.[gp]* >/dev/null 2>&1 || needed="$needed debian-archive-keyring"
if [ -n "$needed" ]; then
	command -v apt-get >/dev/null || fail "neither Asterisk >= $oldest nor apt-get is here. Install Asterisk $oldest and put it on PATH."
	say "get-asterisk: installing in this system, which is all that is changed in it:" $needed
	install $needed 9>&- || fail "could not be installed: $needed. Type: apt-get update && apt-get install $needed"
fi

# Leftovers of a run that was killed: the lock is ours, so nobody is using them.
rm -rf "$root".new.*
work=$root.new.$$
log=$root.log
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# make OPTION...: a root folder in $work. No mirror is named: mmdebstrap takes this
# machine's own. Packages are checked against Debian's signatures in every case.
make() {
	rm -rf "$work"
	mmdebstrap --variant=minbase --mode=root \
		--include=asterisk,asterisk-core-sounds-en-gsm \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
		"$@" "$suite" "$work" >"$log" 2>&1 9>&-
}

say "get-asterisk: making $root from Debian $suite (about half a minute, once)"
if ! make; then
	if grep -Eq "$outdated" "$log"; then
		say "get-asterisk: the mirror's Release file has run out of date; going on without that one check (signatures are still checked)"
		make --aptopt='Acquire::Check-Valid-Until "false"' || { tail -n 20 "$log" >&2; fail "mmdebstrap failed, see $log"; }
	else
		tail -n 20 "$log" >&2
		fail "mmdebstrap failed, see $log"
	fi
fi

version=$(chroot "$work" /usr/sbin/asterisk -V 2>/dev/null || true)
new_enough "$version" || fail "Debian $suite has ${version:-no working Asterisk}, $oldest or newer is needed"
chmod 755 "$work"
mv "$work" "$root"
say "get-asterisk: $version is in $root"
echo "root $root"
