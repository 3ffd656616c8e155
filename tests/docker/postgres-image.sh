#!/bin/sh
# Builds a PostgreSQL 17 image for Docker from Debian's packages, where no registry can be pulled from.
#
#   postgres-image.sh [TAG...]        default: postgres:17-alpine, the name that ministack and compose.yaml ask for
#
# Needs root, debootstrap and Docker. 40 s and 480 MB. The entrypoint honours POSTGRES_USER,
# POSTGRES_PASSWORD, POSTGRES_DB and PGDATA, as the well-known image does.
set -eu
[ $# -gt 0 ] || set -- postgres:17-alpine
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=postgresql-17,ca-certificates trixie "$root" >"$root.log" 2>&1 ||
  { tail -20 "$root.log" >&2; exit 1; }
mkdir -p "$root/docker-entrypoint-initdb.d" "$root/var/lib/postgresql/data"
chroot "$root" chown postgres:postgres /var/lib/postgresql/data /run/postgresql
# As in the well-known image: a memory file system that is laid over it takes its rights from it.
chmod 3777 "$root/run/postgresql"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root.log"
install -m 755 "$(dirname "$0")/postgres-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
tar -C "$root" -c . | docker import \
  -c 'ENTRYPOINT ["docker-entrypoint.sh"]' -c 'CMD ["postgres"]' -c 'EXPOSE 5432' \
  -c 'ENV PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/bin:/bin:/usr/sbin:/sbin' - "$1"
for tag; do docker tag "$1" "$tag"; done
