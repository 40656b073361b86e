#!/bin/sh
# Browser, Japanese fonts and PostGIS for the tests. Only on Debian as root; elsewhere those tests skip and say so.
set -eu
command -v apt-get >/dev/null 2>&1 || exit 0
[ "$(id -u)" = 0 ] || exit 0
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
fc-list 2>/dev/null | grep -q 'Noto Sans CJK' || missing="$missing fontconfig fonts-noto-cjk"
ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 || missing="$missing postgresql postgresql-postgis"
[ -n "$missing" ] || exit 0
echo "[setup] 試験に使うパッケージを入れます / installing packages for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
