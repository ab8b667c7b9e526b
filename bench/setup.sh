#!/usr/bin/env bash
# Makes sure that the server and the yardstick of the benchmark are there: Debian's nginx-light, wrk and h2load. Everything else comes
# with the project. Says what it installs; needs root for that and nothing otherwise.
set -euo pipefail
packages=()
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null || packages+=(nginx-light)
command -v wrk >/dev/null || packages+=(wrk)
command -v h2load >/dev/null || packages+=(nghttp2-client)
[ ${#packages[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || { echo "bench: please install ${packages[*]}" >&2; exit 1; }
echo "bench: installing ${packages[*]} with apt-get"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
