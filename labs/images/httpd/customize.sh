#!/bin/sh
# Leaves of Debian's apache2 the program and its modules; the configuration is ours.
set -eu
root=$1

rm -rf "$root"/etc/apache2 "$root"/var/www
mkdir -p "$root"/usr/local/apache2/logs "$root"/usr/local/apache2/bin
ln -s /usr/sbin/apache2 "$root"/usr/local/apache2/bin/httpd
ln -s /usr/lib/apache2/modules "$root"/usr/local/apache2/modules
# two modules for rewriting HTML need libxml2's tables of all scripts, a third of the image
rm -f "$root"/usr/lib/apache2/modules/mod_xml2enc.so "$root"/usr/lib/apache2/modules/mod_proxy_html.so
rm -f "$root"/usr/lib/*/libicu*.so.* "$root"/usr/lib/*/libxml2.so.*
