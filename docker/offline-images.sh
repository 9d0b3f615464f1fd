#!/bin/sh
# Makes the base images that docker/Dockerfile names, where they are missing and no registry can be reached: Debian's by
# mmdebstrap from Debian packages, Go's from the toolchain of this machine. Quick when they are there.
#
# The image of the build stage gets this machine's CA bundle, GOPROXY and GOSUMDB as well, so that Go modules come the way they
# come here. Nothing of it reaches an image that is made to be run.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"

say() { printf '%s\n' "offline-images: $*" >&2; }
fail() { say "$*"; exit 1; }

# name ARG: the image that the Dockerfile names, or the one that the environment does.
name() {
	eval "set -- \"\${$1:-}\" $1"
	[ -n "$1" ] || set -- "$(sed -n "s/^ARG $2=//p" Dockerfile | head -n 1)"
	printf '%s\n' "$1"
}

missing() { ! docker image inspect "$1" >/dev/null 2>&1; }

go_image=$(name GO_IMAGE)
debian_image=$(name DEBIAN_IMAGE)
missing "$go_image" || missing "$debian_image" || exit 0

[ "$(id -u)" = 0 ] || fail "only root can make $debian_image and $go_image. Type: sudo -E env \"PATH=\$PATH\" $0"
work=$(mktemp -d)
first= second=
trap 'kill $first $second 2>/dev/null || :; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
command -v mmdebstrap >/dev/null || sh pbx/get-asterisk.sh install mmdebstrap

# debian SUITE NAME OPTION...: a root folder of that suite as $work/NAME.tar. No mirror is named: mmdebstrap takes this machine's
# own. Where a mirror's Release file has run out of date, it and the image go on without that one check; signatures are checked.
debian() {
	suite=$1 base=$2; shift 2
	fresh='APT::Install-Recommends "false"'
	try() { # a signal goes on to mmdebstrap, which unmounts and removes what it has made
		mmdebstrap --variant=minbase --mode=root --aptopt="$fresh" --dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
			--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' "$@" "$suite" "$work/$base.tar" >"$work/$base.log" 2>&1 &
		maker=$!
		trap 'trap "" TERM; kill $maker; wait $maker; exit 1' TERM
		wait $maker
	}
	try "$@" && return
	if grep -Eq 'is expired|is not valid any ?more|invalid since' "$work/$base.log"; then
		say "the mirror's Release file has run out of date; going on without that one check"
		fresh='Acquire::Check-Valid-Until "false"'
		try "$@" && return
	fi
	tail -n 20 "$work/$base.log" >&2
	fail "mmdebstrap failed"
}

# Tells them from those of a registry.
label='LABEL metaflows.offline=true'

make_debian() {
	suite=${debian_image##*:}; suite=${suite%%-*}
	say "making $debian_image of Debian's packages (about half a minute)"
	debian "$suite" debian
	docker import --change 'CMD ["bash"]' --change "$label" "$work/debian.tar" "$debian_image" >/dev/null
}

make_go() {
	command -v go >/dev/null || fail "$go_image is made of this machine's Go, and there is none on PATH"
	case ${go_image##*:} in
		"$(go env GOVERSION | sed 's/^go//')"-*) ;;
		*) fail "$go_image is made of this machine's Go, which is another version: $(go env GOVERSION)" ;;
	esac
	say "making $go_image of Debian's packages and this machine's $(go env GOVERSION) (about half a minute)"
	bundle=
	for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
		if [ -z "$bundle" ] && [ -f "$file" ]; then bundle=$file; fi
	done
	[ -n "$bundle" ] || fail "no CA bundle is here, and Go modules come by HTTPS"
	mkdir -p "$work/add/etc/ssl/certs" "$work/add/usr/local"
	cp "$bundle" "$work/add/etc/ssl/certs/ca-certificates.crt"
	cp -a "$(go env GOROOT)" "$work/add/usr/local/go"
	rm -rf "$work/add/usr/local/go/test"
	debian "${go_image##*-}" go --customize-hook="cp -a $work/add/. \"\$1\"/"
	docker import --change 'ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		--change 'ENV GOPATH=/go' --change 'ENV GOTOOLCHAIN=local' \
		--change "ENV GOPROXY=$(go env GOPROXY)" --change "ENV GOSUMDB=$(go env GOSUMDB)" \
		--change 'WORKDIR /go' --change "$label" "$work/go.tar" "$go_image" >/dev/null
}

# Both at the same time.
if missing "$debian_image"; then make_debian & first=$!; fi
if missing "$go_image"; then make_go & second=$!; fi
code=0
for job in $first $second; do wait "$job" || code=1; done
first= second=
exit $code
