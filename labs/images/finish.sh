#!/bin/sh
# The last step on every Debian root: removes what tells of the machine it was built on and what
# only dpkg's upkeep would need. mmdebstrap gives the root as $1.
set -eu
root=$1

rm -rf "$root"/etc/apt/sources.list* "$root"/etc/apt/apt.conf.d/99mmdebstrap
rm -rf "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -rf "$root"/var/lib/dpkg/*-old "$root"/var/cache/debconf "$root"/var/lib/apt
rm -rf "$root"/var/cache/ldconfig "$root"/var/log/*
# perl-base, which dpkg needs, is a folder of its own and stays; the rest came along with git
rm -rf "$root"/usr/share/perl "$root"/usr/share/perl5 "$root"/usr/lib/*/perl "$root"/usr/lib/*/perl5 \
    "$root"/usr/lib/*/libperl.so.*
# nobody should become somebody else inside a container
find "$root" -xdev -type f -perm /6000 -exec chmod a-s {} +
