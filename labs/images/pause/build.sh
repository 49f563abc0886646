#!/bin/sh
# Compiles the one program into the layer's root, $1.
set -eu
gcc -static -Os -s -Wall -Wextra -Werror -o "$1/pause" "$(dirname "$0")/pause.c"
