#!/usr/bin/env bash
# Sees to it that the tests find the real servers they start themselves, mosquitto, PostgreSQL and nginx: Debian's, installed
# where they are missing and we may install. None of them is started as a service.
set -euo pipefail
PATH=$PATH:/usr/sbin:/usr/local/sbin

missing() {
  command -v mosquitto >/dev/null || echo mosquitto
  command -v nginx >/dev/null || echo nginx-light
  command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
}

packages=$(missing)
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests:" $packages >&2
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >/dev/null
  packages=$(missing)
  [ -n "$packages" ] || exit 0
fi
echo "the tests start servers that are not here; install them (apt-get install" $packages")" >&2
exit 1
