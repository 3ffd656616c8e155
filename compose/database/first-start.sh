#!/bin/sh
# Makes the app's own user, which owns its database and nothing else. Run once, when the data folder is empty.
set -eu
password=$(cat /run/secrets/database_password)
# By standard input: an argument list can be read by anybody.
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<SQL
CREATE ROLE app LOGIN PASSWORD '$password';
ALTER DATABASE app OWNER TO app;
REVOKE CONNECT ON DATABASE app FROM PUBLIC;
SQL
