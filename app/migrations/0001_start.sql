-- Users, their sessions, their accounts, and what happened. Names of constraints are what the app looks for in errors.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    name text NOT NULL CONSTRAINT users_name_taken UNIQUE,
    password text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    disabled boolean NOT NULL DEFAULT false,
    must_change_password boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Of a token only its hash is kept: who reads this table can sign in as nobody.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (kind IN ('api', 'page')),
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_expired ON sessions (expires_at);

-- Counters of a minute: a crash may lose them.
CREATE UNLOGGED TABLE rate_limits (
    key bytea PRIMARY KEY,
    count integer NOT NULL,
    ends_at timestamptz NOT NULL
);

-- Money is in minor units. The checks hold whatever the app does.
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    name text NOT NULL,
    balance bigint NOT NULL CHECK (balance BETWEEN 0 AND 1000000000000000),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_of_user ON accounts (user_id, created_at);

-- One row for each key of a user, refused transfers too: the same key gives the same answer.
CREATE TABLE transfers (
    user_id uuid NOT NULL REFERENCES users,
    key text NOT NULL,
    id uuid NOT NULL UNIQUE,
    from_account uuid NOT NULL,
    to_account uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    refusal text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

-- The audit trail. No foreign keys: an entry outlives what it tells of.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL,
    actor uuid NOT NULL,
    subject uuid,
    from_account uuid,
    to_account uuid,
    to_user uuid,
    amount bigint,
    key text,
    UNIQUE (actor, key)
);
CREATE INDEX audit_of_actor ON audit (actor, id);
CREATE INDEX audit_of_receiver ON audit (to_user, id);

CREATE FUNCTION audit_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_final();
-- Also where a session says that it is a replica's.
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_final;
-- And the app's own user, to whom the table belongs, may not either.
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM PUBLIC, CURRENT_USER;

-- What `POST /populate` adds and `DELETE /delete` removes.
CREATE TABLE sample_rows (
    id uuid PRIMARY KEY,
    label text NOT NULL,
    number integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sample_rows_by_age ON sample_rows (created_at);
