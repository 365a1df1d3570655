package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/jackc/pgx/v5"
)

// readers are the users who may read what the sink makes.
type readers struct {
	*pipeline
	user, member string // a reader by name, and one by its group
}

// account makes a user, group or role, which is dropped at the end of the test. It must
// be called before the pipeline is made, so that the account is dropped after the
// pipeline's schema.
func (s *server) account(definition string) error {
	if err := s.execute("CREATE " + definition); err != nil {
		return err
	}
	words := strings.Fields(definition)
	s.t.Cleanup(func() {
		grantee := strings.TrimPrefix(words[0]+" "+words[1], "USER ")
		for _, statement := range []string{
			"REVOKE ALL ON ALL TABLES IN SCHEMA " + s.schema + " FROM " + grantee, "REVOKE ALL ON SCHEMA " + s.schema + " FROM " + grantee, "DROP " + words[0] + " " + words[1],
		} {
			if err := s.execute(statement); err != nil {
				s.t.Errorf("%s is left behind: %v", words[1], err)
			}
		}
	})
	return nil
}

// sinkGrants grants users, groups and roles their rights: when it makes a table, and
// again to those who lost a right or were named later. It makes one of each, and a member
// of the group.
func sinkGrants(s *server) string {
	user, member, group, role := s.schema+"_reader", s.schema+"_member", s.schema+"_group", s.schema+"_role"
	for _, made := range []string{"USER " + user + " PASSWORD DISABLE", "GROUP " + group, "USER " + member + " PASSWORD DISABLE IN GROUP " + group, "ROLE " + role} {
		if err := s.account(made); err != nil {
			return err.Error()
		}
	}
	p, err := s.pipeline("grants", func(o *redshift.Options) { o.Readers = []string{user, "group " + group, "role " + role} })
	if err != nil {
		return err.Error()
	}
	r := readers{p, user, member}
	p.table = declared(16570, "sink_granted", "id int8, n int4")
	p.states = p.first(p.table).Tables
	tables := []*schema.Table{p.table}
	return inOrder(
		p.fence,
		func() error { return p.make(p.table, p.loading(p.table, 0)) },
		func() error { return p.merge() },
		r.may("t"),
		r.isFound(tables, "may read all that is there"),
		p.do("REVOKE SELECT ON sink_granted FROM "+r.user),
		r.may("f"),
		r.isFound(tables, "may not read all that it should"),
		func() error {
			planned, err := p.warehouse.Plan(p.ctx, tables, replicator.Foreseen{})
			want := fmt.Sprintf(`GRANT SELECT ON "%s"."sink_granted" TO "%s"`, s.schema, r.user)
			return differs(err == nil && len(planned) == 1 && planned[0] == want, "planned are %q: %v", planned, err)
		},
		p.fence,
		r.may("t"),
		func() error {
			p.warehouse = p.another(func(o *redshift.Options) { o.Readers = []string{r.user + "_none"} })
			return halts(p.fence(), replicator.WarehouseUnfit, "warehouse.readers")
		},
	)
}

// may returns a step that checks the user's right to the schema of the targets, to the
// target and to the metadata, and the right of the group's member to target and metadata.
func (r readers) may(target string) func() error {
	asked := fmt.Sprintf("SELECT has_schema_privilege('%[1]s', '$schema', 'USAGE'), has_table_privilege('%[1]s', '$schema.sink_granted', 'SELECT'), has_table_privilege('%[1]s', '$meta.freshness', 'SELECT'), "+
		"has_table_privilege('%[2]s', '$schema.sink_granted', 'SELECT'), has_table_privilege('%[2]s', '$meta.ledger', 'SELECT')", r.user, r.member)
	return r.has(asked, "t|"+target+"|t|t|t")
}

// isFound returns a step that checks what a check says of the readers: of a user what it
// may read, and of a group or role that it exists.
func (r readers) isFound(tables []*schema.Table, says string) func() error {
	return func() error {
		found := map[string]string{}
		for _, f := range r.warehouse.Check(r.ctx, tables, "") {
			found[f.Subject] = f.Found
		}
		for i, reader := range r.options.Readers {
			want := says
			if i > 0 {
				want = "there; a run grants it its rights"
			}
			if got := found["warehouse: reader "+reader]; !strings.Contains(got, want) {
				return fmt.Errorf("reader %s is found %q, not %q", reader, got, want)
			}
		}
		return nil
	}
}

// sinkLeavesOthers grants what it can where somebody else owns a target. It must neither
// load that target nor find it fine. It makes a user who is the loader and has no rights
// to the superuser's table, and a user who reads.
func sinkLeavesOthers(s *server) string {
	user, reader, schemas := s.schema+"_loader", s.schema+"_guest", []string{s.schema + "_others", s.schema + "_owned"}
	password := "Aa1" + rand.Text()
	if err := errors.Join(s.account("USER "+user+" PASSWORD '"+password+"'"), s.account("USER "+reader+" PASSWORD DISABLE")); err != nil {
		return err.Error()
	}
	for _, name := range schemas {
		if err := s.execute("CREATE SCHEMA " + name + " AUTHORIZATION " + user); err != nil {
			return err.Error()
		}
		s.t.Cleanup(func() {
			if err := s.execute("DROP SCHEMA IF EXISTS " + name + " CASCADE"); err != nil {
				s.t.Error(err)
			}
		})
	}
	p, err := s.pipeline("others", func(o *redshift.Options) {
		o.Schema, o.Readers = schemas[1], []string{reader}
		o.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
			c, err := s.recorded(ctx)
			if err == nil {
				c.User, c.Password = user, password
			}
			return c, err
		}
	})
	if err != nil {
		return err.Error()
	}
	own, other := declared(16571, "of_loader", "id int8, n int4"), declared(16572, "of_another", "id int8, n int4")
	p.table = own
	mayRead := func(table, want string) func() error {
		return p.has("SELECT has_table_privilege('"+reader+"', '$schema."+table+"', 'SELECT')", want)
	}
	return inOrder(
		p.fence,
		func() error { return p.make(own, p.loading(own, 0)) },
		p.do("CREATE TABLE $schema.of_another (id BIGINT, n INTEGER)"),
		func() error { p.states = p.first(own, other).Tables; return p.merge() },
		mayRead("of_loader", "t"),
		p.do("REVOKE SELECT ON $schema.of_loader FROM "+reader),
		p.fence,
		mayRead("of_loader", "t"),
		mayRead("of_another", "f"),
		func() error {
			err := p.make(other, p.loading(other, 0))
			u, ok := errors.AsType[*replicator.Unfit](err)
			return differs(ok && u.OID == other.OID && strings.Contains(u.Why.Found, "is owned by"), "its load ended with %v", err)
		},
		func() error {
			found := p.warehouse.Check(p.ctx, []*schema.Table{own, other}, "")
			mine, theirs := found[len(found)-2], found[len(found)-1]
			return differs(mine.Verdict == replicator.Fine && theirs.Verdict == replicator.Failure && strings.Contains(theirs.Repair, "OWNER TO"), "found are %+v and %+v", mine, theirs)
		},
	)
}
