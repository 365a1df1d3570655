package harness

import "fmt"

// Accounts says how many rows the account tables of a source start with. Memberships may
// not exceed the number of pairs of a person and a company.
type Accounts struct {
	Companies, Persons, Memberships int
}

// statements returns the SQL that makes the account tables of a B2B service, their rows,
// and the daemon's role with the grants that the README names.
func (a Accounts) statements() []string {
	return []string{
		`CREATE ROLE app_owner`,
		fmt.Sprintf(`CREATE ROLE rowshift LOGIN REPLICATION PASSWORD '%s' IN ROLE app_owner`, SourcePassword),
		`GRANT CREATE ON DATABASE app TO rowshift`,
		`CREATE TABLE public.company (
			id uuid PRIMARY KEY, name text NOT NULL, plan text, seats int, created_at timestamptz NOT NULL, settings jsonb)`,
		`CREATE TABLE public.person (
			id uuid PRIMARY KEY, email text NOT NULL, full_name text, is_active boolean NOT NULL DEFAULT true,
			bio text, last_seen_at timestamptz)`,
		`ALTER TABLE public.person ALTER COLUMN bio SET STORAGE EXTERNAL`, // never compressed, so its values soon lie out of line
		`CREATE TABLE public.plan (code text PRIMARY KEY, price numeric(10,2), features text[])`,
		`CREATE TABLE public.company_person (
			person_uuid uuid NOT NULL, company_uuid uuid NOT NULL, role_in_company text NOT NULL, joined_at timestamptz,
			PRIMARY KEY (person_uuid, company_uuid))`,
		`CREATE TABLE public.audit (id bigserial PRIMARY KEY, what text)`, // not replicated
		`CREATE FUNCTION uid(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
			AS $$ SELECT md5(kind || n)::uuid $$`,
		`INSERT INTO plan VALUES ('free', 0, '{}'), ('trial', 0, '{sso}'), ('pro', 49.90, '{sso,api}'), ('enterprise', NULL, '{sso,api,audit}')`,
		fmt.Sprintf(`INSERT INTO company SELECT uid('c', n), 'Company ' || n,
			(ARRAY['free','trial','pro','enterprise',NULL])[1 + n %% 5], n %% 500, timestamptz '2026-01-01' + n * interval '1 minute', '{"tz": "Europe/Berlin"}'
			FROM generate_series(1, %d) n`, a.Companies),
		fmt.Sprintf(`INSERT INTO person SELECT uid('p', n), 'user' || n || '@example.com', 'Person ' || n, n %% 10 <> 0,
			CASE WHEN n %% 50 = 0 THEN repeat('life story ', 400) END, timestamptz '2026-06-01' + n * interval '1 second'
			FROM generate_series(1, %d) n`, a.Persons),
		fmt.Sprintf(`INSERT INTO company_person SELECT uid('p', 1 + n %% %[1]d), uid('c', 1 + (n %% %[1]d * 7919::bigint + n / %[1]d) %% %[2]d),
			(ARRAY['ADMINISTRATOR','MEMBER','MEMBER','GUEST'])[1 + n %% 4], timestamptz '2026-06-01'
			FROM generate_series(0, %[3]d - 1) n`, max(1, a.Persons), max(1, a.Companies), a.Memberships),
		`ALTER TABLE company OWNER TO app_owner`,
		`ALTER TABLE person OWNER TO app_owner`,
		`ALTER TABLE plan OWNER TO app_owner`,
		`ALTER TABLE company_person OWNER TO app_owner`,
		`ANALYZE`,
	}
}
