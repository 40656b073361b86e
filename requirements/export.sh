#!/bin/sh
# Rewrites the lock files from pyproject.toml. Needs uv; users and CI do not: they install the result with pip.
# uv.lock itself is not kept, because it holds the address of the registry that was asked.
set -eu
cd "$(dirname "$0")/.."
uv lock --quiet
export_lock() { uv export --quiet --format requirements-txt --no-header --no-annotate --no-emit-project "$@"; }
export_lock --no-dev --group build -o requirements/app.txt
# For a server: PostGIS and the login of an identity provider.
export_lock --no-dev --group build --extra postgis --extra oidc -o requirements/server.txt
export_lock --all-extras --group dev -o requirements/dev.txt
# The peers pull in coverage.py, which cannot share an environment with the product: an environment of their own.
export_lock --only-group peers -o requirements/peers.txt
if grep -nE '(https?|file)://' requirements/*.txt; then
  echo 'a lock file holds an address' >&2
  exit 1
fi
