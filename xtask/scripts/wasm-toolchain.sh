#!/usr/bin/env bash
# Makes a Rust toolchain with a wasm32-unknown-unknown standard library out of Debian packages, for machines on which
# `rustup target add` reaches nothing. It takes one argument, the folder to make; xtask picks a temporary one and renames it
# after success, which is why nothing in here may know its own absolute path.
set -euo pipefail

out=$(mkdir -p "$1" && cd "$1" && pwd)
target=wasm32-unknown-unknown
# the linker for wasm is the one of the toolchain that builds everything else: Debian ships none with rustc-web
lld=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
[ -x "$lld" ] || { echo "no rust-lld at $lld: this Rust toolchain cannot link WebAssembly" >&2; exit 1; }

first_dependency() { apt-cache depends "$1" | sed -n "s/^ *|\\{0,1\\}Depends: \\($2\\)\$/\\1/p" | head -n 1; }
std=$(first_dependency libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
[ -n "$std" ] || { echo "Debian's package lists hold no libstd-rust-web-dev: run apt-get update" >&2; exit 1; }
llvm=$(first_dependency "$std" 'libllvm[0-9]*')

echo "Installing ${llvm:-nothing more} for Debian's rustc"
[ -z "$llvm" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$llvm" >/dev/null

echo "Downloading rustc-web, $std and their sources"
mkdir "$out/debs"
(cd "$out/debs" && apt-get -o APT::Sandbox::User=root download -qq rustc-web libstd-rust-web-dev "$std" rust-web-src)

echo "Unpacking"
for package in rustc-web libstd-rust-web-dev "$std"; do dpkg-deb -x "$out/debs/$package"_*.deb "$out"; done
dpkg-deb --fsys-tarfile "$out/debs"/rust-web-src_*.deb |
    tar -x -C "$out" --wildcards './usr/src/rustc-*/library'
rm -r "$out/debs"

mkdir "$out/bin"
cat >"$out/bin/rustc" <<'WRAPPER'
#!/bin/sh
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$root/usr/bin/rustc" "$@"
WRAPPER
sed -i "s/x86_64-linux-gnu/$(gcc -print-multiarch)/" "$out/bin/rustc"
chmod +x "$out/bin/rustc"

host=$("$out/bin/rustc" -vV | sed -n 's/^host: //p')
version=$("$out/bin/rustc" -vV | sed -n 's/^release: //p')
mkdir -p "$out/usr/lib/rustlib/$host/bin" "$out/usr/lib/rustlib/$target/lib"
ln -sf "$lld" "$out/usr/lib/rustlib/$host/bin/rust-lld"

library=$(echo "$out"/usr/src/rustc-*/library)
echo "Building the standard library $version for $target"
cd "$library"
export RUSTC="$out/bin/rustc" RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=sysroot CARGO_TARGET_DIR="$out/work"
export RUSTFLAGS="-Zforce-unstable-if-unmarked --remap-path-prefix=$library=/rustc/$version/library"
cargo build --locked --package sysroot --profile dist --target "$target" --features panic-unwind,compiler-builtins-mem

for rlib in "$out/work/$target/dist/deps"/*.rlib; do
    case $rlib in */libsysroot-*) ;; *) cp "$rlib" "$out/usr/lib/rustlib/$target/lib/" ;; esac
done
rm -rf "$out/work" "$out/usr/src"
echo "Made rustc $version with $target"
