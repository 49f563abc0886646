#!/bin/sh
# Makes the learner, and the folders that the agent fills when a session starts.
set -eu
root=$1

echo 'learner:x:1001:1001:Learner:/home/learner:/bin/bash' >> "$root/etc/passwd"
echo 'learner:x:1001:' >> "$root/etc/group"
echo 'learner:*:19000:0:99999:7:::' >> "$root/etc/shadow"
install -d -o 1001 -g 1001 -m 755 "$root/home/learner" "$root/opt/workshop"

# certificates are read as one bundle; each alone would double their size
rm -rf "$root/usr/share/ca-certificates" "$root/etc/ca-certificates.conf"
find "$root/etc/ssl/certs" -type l -delete
# an editor, not its desktop
rm -rf "$root/usr/share/icons" "$root/usr/share/applications" "$root/usr/share/pixmaps"
# parts of git that talk to other systems or need a full Perl
for part in imap-send http-push daemon fast-import http-backend shell credential-cache \
    credential-cache--daemon; do
    rm -f "$root/usr/lib/git-core/git-$part"
done
rm -f "$root/usr/lib/git-core/scalar" "$root/usr/bin/scalar" "$root/usr/bin/git-shell"
