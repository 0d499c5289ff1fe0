#!/bin/sh
# Builds the package of one Linux platform in the container that has its C library, and runs the demo there.
# The folder of the package is the working directory, $PLATFORM its name under npm/.
set -eu

if command -v apk; then
  apk add --no-cache musl-dev nodejs npm
else
  dnf --assumeyes module install nodejs:22
  dnf --assumeyes install gcc curl
  curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs | sh -s -- -y --profile minimal
  . "$HOME/.cargo/env"
fi

node scripts/install.js
node scripts/platform-package.js "$PLATFORM"
node demo
