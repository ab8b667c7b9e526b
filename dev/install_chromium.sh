#!/usr/bin/env bash
# Sees to it that the browser tests find a Chromium: Debian's, installed where it is missing and we may install.
set -euo pipefail
chromium=${GREGARIA_CHROMIUM:-/usr/bin/chromium}
[ -x "$chromium" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing chromium for the browser tests" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null
  [ -x "$chromium" ] && exit 0
fi
echo "the browser tests need Chromium at $chromium; install it (apt-get install chromium) or name one with GREGARIA_CHROMIUM" >&2
exit 1
