package harness

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"rowshift/test/freeport"
)

// Config is what a world's config file has beyond what every world needs. Empty fields
// mean the daemon's defaults, or those of the world.
type Config struct {
	Tables []string // lines below "tables:", without indentation; empty: the account tables
	Batch  string   // a YAML flow mapping
	More   []string // additional top-level lines
	Source []string // more lines below "source:"
	Sink   []string // and below "warehouse:"
	Bucket []string // and below "bucket:"
	Listen string

	HashKey string // key for hashed columns; empty: the config names none

	// PasswordFile makes the config read the warehouse's password from a file of the
	// world, so that the config also works by hand. Otherwise it reads
	// WAREHOUSE_PASSWORD.
	PasswordFile bool

	SourceAddr string // host:port of the source for the daemon; empty: the source's own
}

// AccountTables are the lines of the config that replicate the account tables.
var AccountTables = []string{
	"public.company: {columns: [id, plan, created_at]}",
	"public.person: {exclude: [email, full_name]}",
	"public.plan: {columns: all}",
	"public.company_person: {columns: [person_uuid, company_uuid, role_in_company], target: companyperson, distkey: company_uuid}",
}

// ConfigFile returns the path of the world's config file.
func (w *World) ConfigFile() string { return w.path("rowshift.yaml") }

// Endpoint returns the URL at which everybody, the daemon too, reaches the bucket.
func (w *World) Endpoint() string { return "http://" + w.Link.Addr() }

// writeConfig writes the config file and the files of the secrets that it names.
func (w *World) writeConfig() error {
	c := w.setup.Config
	listen := c.Listen
	if listen == "" {
		var err error
		if listen, err = freeport.Address(); err != nil {
			return err
		}
	}
	w.setup.Config.Listen = listen
	if err := os.WriteFile(w.path("source-password"), []byte(SourcePassword+"\n"), 0o600); err != nil {
		return err
	}
	password := `"${WAREHOUSE_PASSWORD}"`
	if c.PasswordFile {
		password = "file:" + w.path("warehouse-password")
		if err := os.WriteFile(w.path("warehouse-password"), []byte(LoaderPassword+"\n"), 0o600); err != nil {
			return err
		}
	}
	if c.HashKey != "" {
		if err := os.WriteFile(w.path("hash-key"), []byte(c.HashKey+"\n"), 0o600); err != nil {
			return err
		}
		c.More = append([]string{"hash_key: file:" + w.path("hash-key")}, c.More...)
	}
	tables := c.Tables
	if tables == nil {
		tables = AccountTables
	}
	lines := []string{
		"pipeline: accounts",
		"source:",
		fmt.Sprintf("  dsn: %q", "postgres://rowshift@"+cmp.Or(c.SourceAddr, fmt.Sprintf("%s:%d", w.Source.Host, w.Source.Port))+"/app"),
		"  password: file:" + w.path("source-password"),
		"  tls: disable",
	}
	for _, l := range c.Source {
		lines = append(lines, "  "+l)
	}
	lines = append(lines,
		"warehouse:",
		fmt.Sprintf("  dsn: %q", "postgres://loader@"+w.Warehouse.Addr()+"/dev"),
		"  password: "+password,
		"  tls: disable",
		"  schema: userdata",
		"  metadata_schema: rowshift",
		"  copy_role: "+CopyRole,
		"  readers: [analysts]",
	)
	for _, l := range c.Sink {
		lines = append(lines, "  "+l)
	}
	lines = append(lines,
		"bucket:",
		"  url: s3://"+w.S3.Bucket+"/accounts",
		"  region: "+w.S3.Region,
		"  endpoint: "+w.Endpoint(),
	)
	for _, l := range c.Bucket {
		lines = append(lines, "  "+l)
	}
	lines = append(lines,
		"batch: "+cmp.Or(c.Batch, "{min_interval: 200ms, max_age: 1s}"),
		"tables:",
	)
	for _, l := range tables {
		lines = append(lines, "  "+l)
	}
	lines = append(lines, "listen: "+listen, "log: {level: debug}")
	lines = append(lines, c.More...)
	return os.WriteFile(w.ConfigFile(), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// SetConfig changes the config file. Daemons that start afterwards use it.
func (w *World) SetConfig(change func(*Config)) error {
	change(&w.setup.Config)
	return w.writeConfig()
}

// Listen returns the address of the daemon's HTTP endpoints.
func (w *World) Listen() string { return w.setup.Config.Listen }
