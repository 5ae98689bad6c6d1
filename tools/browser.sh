#!/usr/bin/env bash
# Install the browser that the tests look at pages with, where that can be done: Debian and the like.
set -u
command -v chromium >/dev/null || command -v chromium-browser >/dev/null && exit 0
become=""
[ "$(id -u)" = 0 ] || become="sudo -n"
if command -v apt-get >/dev/null && $become true 2>/dev/null; then
  echo "installing chromium for the tests of the portal"
  export DEBIAN_FRONTEND=noninteractive
  { $become apt-get -qq update && $become apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1
fi
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
  echo "there is no chromium, and it cannot be installed here: the tests of the portal are skipped"
