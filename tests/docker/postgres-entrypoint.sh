#!/bin/sh
# First start: makes the cluster, the user and the database, and runs what is in /docker-entrypoint-initdb.d. Then
# runs the command as the user postgres. As far as it goes, it behaves as the well-known image does.
set -eu
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres:postgres "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  user="${POSTGRES_USER:-postgres}" database="${POSTGRES_DB:-postgres}" password=$(mktemp)
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    cat "$POSTGRES_PASSWORD_FILE" >"$password"
  else
    printf '%s' "$POSTGRES_PASSWORD" >"$password"
  fi
  initdb -D "$PGDATA" -U "$user" --pwfile="$password" -A scram-sha-256 >/dev/null
  rm "$password"
  sed -i 's/^local.*/local all all trust/' "$PGDATA/pg_hba.conf"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start >/dev/null
  [ "$database" = postgres ] || createdb -U "$user" "$database"
  for script in /docker-entrypoint-initdb.d/*.sh; do
    if [ -x "$script" ]; then "$script"; fi
  done
  pg_ctl -D "$PGDATA" -w stop >/dev/null
fi
exec "$@" -c listen_addresses='*'
