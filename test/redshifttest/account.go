package redshifttest

import (
	"fmt"
	"regexp"
	"strings"
)

// The prefixes of the roles on the backing server that stand for groups and roles: in
// Redshift a user, a group and a role may have the same name.
const (
	groupPrefix = "rs group "
	rolePrefix  = "rs role "
)

// createUser reads CREATE USER. The password's hash is kept as a setting of the role.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func (p *parser) createUser() *statement {
	name := p.userName()
	steps := []string{"CREATE ROLE " + quote(name) + " LOGIN"}
	p.accept("with")
	options, given := p.userOptions(name)
	if !given["password"] {
		panic(notInGrammar("R-460", "CREATE USER needs PASSWORD"))
	}
	return accounts("CREATE USER", append(steps, options...))
}

// alterUser reads ALTER USER.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
func (p *parser) alterUser() *statement {
	name := p.userName()
	p.accept("with")
	switch {
	case p.accept("rename", "to"):
		to := p.userName() // the stored hash was made with the old name, so it is of no more use
		return accounts("ALTER USER", []string{"ALTER ROLE " + quote(name) + " RENAME TO " + quote(to), "ALTER ROLE " + quote(to) + " RESET redshift.password", regrant(name, text(to))})
	case p.peek().is("set"), !p.peekAt(1).is("session") && p.accept("reset"):
		return p.userSetting(name)
	case p.accept("login", "password"):
		return p.unlockUser(name)
	}
	options, given := p.userOptions(name)
	if len(options) == 0 || given["in"] {
		p.fail()
	}
	return accounts("ALTER USER", options)
}

// userSetting reads ALTER USER ... SET and RESET, which take effect for new sessions, unless
// those give the setting themselves.
func (p *parser) userSetting(name string) *statement {
	if !p.peek().is("set") {
		_, own := p.setting()
		return accounts("ALTER USER", []string{"ALTER ROLE " + quote(name) + " RESET " + own})
	}
	p.later = true
	set := p.set()
	return accounts("ALTER USER", []string{"ALTER ROLE " + quote(name) + " " + set.sql})
}

// accounts returns a statement that runs steps which only a superuser may take, except
// that users may change their own password.
func accounts(tag string, steps []string) *statement {
	s := &statement{class: tag, tag: tag}
	s.own = sequence(steps)
	return s
}

// account reads the name of a user, which keeps its case in quotes, whatever the setting
// for other names is.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func (p *parser) account() string {
	t, folded := p.peek(), p.name()
	if t.kind != quotedToken {
		return folded
	}
	return strings.ReplaceAll(t.raw[1:len(t.raw)-1], `""`, `"`)
}

// userName reads the name of a user; PUBLIC is none.
func (p *parser) userName() string {
	n := p.account()
	if lower(n) == "public" || strings.HasPrefix(n, "rs ") {
		panic(notInGrammar("R-460", "%q is not the name of a user", n))
	}
	return n
}

// userOptions reads the options of a user, as changes of the role.
func (p *parser) userOptions(name string) (steps []string, given map[string]bool) {
	given = map[string]bool{}
	role := "ALTER ROLE " + quote(name)
	for p.peek().kind != endToken {
		word := p.peek().text
		if given[word] {
			p.fail()
		}
		given[word] = true
		switch {
		case p.accept("password"):
			steps = append(steps, role+p.password(name))
		case p.accept("createdb"), p.accept("nocreatedb"):
			steps = append(steps, role+" "+strings.ToUpper(word))
		case p.accept("createuser"):
			steps = append(steps, role+" SUPERUSER")
		case p.accept("nocreateuser"):
			steps = append(steps, role+" NOSUPERUSER")
		case p.accept("syslog", "access"):
			steps = append(steps, role+" SET redshift.syslog_access TO "+text(p.must("restricted", "unrestricted")))
		case p.accept("in", "group"):
			steps = append(steps, "GRANT "+quote(groupPrefix+p.name())+" TO "+quote(name))
			for p.accept(",") {
				steps = append(steps, "GRANT "+quote(groupPrefix+p.name())+" TO "+quote(name))
			}
		case p.accept("valid", "until"):
			steps = append(steps, role+" VALID UNTIL "+text(p.literal()))
		case p.accept("connection", "limit"):
			steps = append(steps, role+" CONNECTION LIMIT "+p.connectionLimit())
		case p.accept("session", "timeout"):
			steps = append(steps, role+" SET redshift.session_timeout TO "+p.sessionTimeout())
		case p.accept("reset", "session", "timeout"):
			steps = append(steps, role+" RESET redshift.session_timeout")
		case p.peek().is("externalid"):
			panic(ruled("R-460", unknown("identity providers are not on the list")))
		default:
			p.fail()
		}
	}
	return steps, given
}

func (p *parser) connectionLimit() string {
	if p.accept("unlimited") {
		return "-1"
	}
	return fmt.Sprint(p.integer())
}

func (p *parser) sessionTimeout() string {
	seconds := p.integer()
	if seconds < 60 || seconds > 1728000 {
		panic(ruled("R-460", unknown("SESSION TIMEOUT is between 60 and 1728000 seconds")))
	}
	return text(fmt.Sprint(seconds))
}

var md5Password = regexp.MustCompile(`^md5[0-9a-fA-F]{32}$`)

// password reads a password or DISABLE, and returns the change of the role.
func (p *parser) password(user string) string {
	if p.accept("disable") {
		return " RESET redshift.password"
	}
	word := p.literal()
	switch {
	case md5Password.MatchString(word):
		return " SET redshift.password TO " + text(lower(word))
	case strings.HasPrefix(word, "sha256|"):
		panic(ruled("R-461", unknown("SHA-256 passwords are not on the list")))
	case len(word) < 8 || len(word) > 64,
		!strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") || !strings.ContainsAny(word, "abcdefghijklmnopqrstuvwxyz") || !strings.ContainsAny(word, "0123456789"),
		strings.ContainsFunc(word, func(r rune) bool { return r < 33 || r > 126 || strings.ContainsRune(`'"\`, r) }):
		panic(ruled("R-461", unknown("a password has 8 to 64 printable ASCII characters without quotes and backslash, with an upper case letter, a lower case letter and a digit")))
	}
	return " SET redshift.password TO " + text(passwordHash(user, word))
}

// regrant returns the statement that moves the rights which only the catalogue knows to
// another name, or removes them if to is NULL. It runs after a step that only somebody
// with the right to do so can take, so it checks nothing itself.
func regrant(name, to string) string {
	return "SELECT " + catalogueSchema + ".regrant(" + text(name) + ", " + to + ")"
}

// dropUser reads DROP USER.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_USER.html
func (p *parser) dropUser() *statement {
	drop := "DROP ROLE "
	if p.accept("if", "exists") {
		drop += "IF EXISTS "
	}
	var steps []string
	for {
		name := p.account()
		steps = append(steps, drop+quote(name), regrant(name, "NULL"))
		if !p.accept(",") {
			return accounts("DROP USER", steps)
		}
	}
}

// dropGroup reads DROP GROUP.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_GROUP.html
func (p *parser) dropGroup() *statement {
	name := p.name()
	return accounts("DROP GROUP", []string{"DROP ROLE " + quote(groupPrefix+name), regrant(groupPrefix+name, "NULL")})
}

// createGroup reads CREATE GROUP.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_GROUP.html
func (p *parser) createGroup() *statement {
	group := quote(groupPrefix + p.name())
	steps := []string{"CREATE ROLE " + group + " NOLOGIN"}
	if p.accept("with"); p.accept("user") {
		for {
			steps = append(steps, "GRANT "+group+" TO "+quote(p.userName()))
			if !p.accept(",") {
				break
			}
		}
	}
	return accounts("CREATE GROUP", steps)
}

// alterGroup reads ALTER GROUP.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_GROUP.html
func (p *parser) alterGroup() *statement {
	name := groupPrefix + p.name()
	group := quote(name)
	var verb string
	switch {
	case p.accept("add", "user"):
		verb = "GRANT " + group + " TO "
	case p.accept("drop", "user"):
		verb = "REVOKE " + group + " FROM "
	default:
		p.want("rename", "to")
		to := groupPrefix + p.name()
		return accounts("ALTER GROUP", []string{"ALTER ROLE " + group + " RENAME TO " + quote(to), regrant(name, text(to))})
	}
	steps := []string{verb + quote(p.userName())}
	for p.accept(",") {
		steps = append(steps, verb+quote(p.userName()))
	}
	return accounts("ALTER GROUP", steps)
}

// createRole reads CREATE ROLE.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_ROLE.html
func (p *parser) createRole() *statement {
	name := p.name()
	if p.peek().is("externalid") {
		panic(ruled("R-463", unknown("identity providers are not on the list")))
	}
	return accounts("CREATE ROLE", []string{"CREATE ROLE " + quote(rolePrefix+name) + " NOLOGIN"})
}

// alterRole reads ALTER ROLE ... RENAME.
func (p *parser) alterRole() *statement {
	name := rolePrefix + p.name()
	p.accept("with")
	p.want("rename", "to")
	to := rolePrefix + p.name()
	return accounts("ALTER ROLE", []string{"ALTER ROLE " + quote(name) + " RENAME TO " + quote(to), regrant(name, text(to))})
}

// dropRole reads DROP ROLE; FORCE also takes the role from those who were granted it.
func (p *parser) dropRole() *statement {
	name := rolePrefix + p.name()
	role := quote(name)
	steps := []string{"DROP ROLE " + role, regrant(name, "NULL")}
	if p.accept("force") {
		steps = append([]string{"DROP OWNED BY " + role}, steps...)
	} else {
		p.accept("restrict")
	}
	return accounts("DROP ROLE", steps)
}
