package redshifttest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// begin takes the start-up messages and opens the backing session. It returns false if
// the connection was not for a session.
func (c *session) begin(ctx context.Context) (bool, error) {
	for {
		c.wire = pgproto3.NewBackend(c.client, c.client)
		message, err := c.wire.ReceiveStartupMessage()
		if err != nil {
			return false, err
		}
		switch m := message.(type) {
		case *pgproto3.SSLRequest:
			if err := c.encrypt(); err != nil {
				return false, err
			}
		case *pgproto3.GSSEncRequest:
			if _, err := c.client.Write([]byte{'N'}); err != nil {
				return false, err
			}
		case *pgproto3.CancelRequest:
			return false, c.server.cancelBySecret(ctx, m)
		case *pgproto3.StartupMessage:
			return true, c.start(ctx, m)
		}
	}
}

// encrypt answers a request for TLS.
func (c *session) encrypt() error {
	config := c.server.options.TLS
	if config == nil {
		_, err := c.client.Write([]byte{'N'})
		return err
	}
	if _, err := c.client.Write([]byte{'S'}); err != nil {
		return err
	}
	c.client = tls.Server(c.client, config)
	return nil
}

// start checks the start-up options and the password.
func (c *session) start(ctx context.Context, m *pgproto3.StartupMessage) error {
	if m.ProtocolVersion != pgproto3.ProtocolVersion30 {
		return c.fatal(&Refusal{Code: "0A000", Rule: "R-001", Message: fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 1.0 to 3.0", m.ProtocolVersion>>16, m.ProtocolVersion&0xffff)})
	}
	name := m.Parameters["user"]
	if c.database = lower(m.Parameters["database"]); c.database == "" {
		c.database = lower(name)
	}
	if c.server.options.RequireTLS && !c.encrypted() {
		host, _, _ := net.SplitHostPort(c.client.RemoteAddr().String())
		return c.fatal(&Refusal{Code: "28000", Rule: "R-023", Message: fmt.Sprintf("no pg_hba.conf entry for host %q, user %q, database %q, SSL off", host, name, c.database)})
	}
	if err := c.startOptions(m.Parameters); err != nil {
		return c.fatal(err)
	}
	var err error
	if c.user, err = c.login(ctx, name); err == nil {
		err = c.userSettings(ctx)
	}
	if err != nil {
		return c.fatal(err)
	}
	if err := c.open(ctx); err != nil {
		return c.fatal(err)
	}
	c.wire.Send(&pgproto3.AuthenticationOk{})
	for _, status := range [][2]string{
		{"server_version", serverVersion}, {"client_encoding", c.encoding}, {"DateStyle", c.setting("DateStyle")}, {"integer_datetimes", "on"},
		{"TimeZone", c.setting("TimeZone")}, {"is_superuser", map[bool]string{true: "on", false: "off"}[c.superuser]},
		{"session_authorization", c.user},
	} {
		c.wire.Send(&pgproto3.ParameterStatus{Name: status[0], Value: status[1]})
	}
	var secret [4]byte
	_, _ = rand.Read(secret[:])
	c.secret = binary.BigEndian.Uint32(secret[:])
	c.wire.Send(&pgproto3.BackendKeyData{ProcessID: c.backing.PID(), SecretKey: secret[:]})
	return nil
}

// serverVersion is the version that Redshift reports: that of the PostgreSQL from which
// it was derived.
// https://github.com/duckdb/duckdb-postgres/issues/373
const serverVersion = "8.0.2"

// driverOptions are start-up options of Redshift's own drivers that change nothing here.
// An answer to client_protocol_version would switch the driver to another protocol;
// without one it uses the plain one.
// https://github.com/aws/amazon-redshift-jdbc-driver, ConnectionFactoryImpl.java
var driverOptions = map[string]bool{
	"driver_version": true, "os_version": true, "plugin_name": true, "client_protocol_version": true, "idp_type": true,
	"provider_name": true, "token_type": true, "_pq_.compression": true,
}

// startOptions takes the options of the start-up message, including those in "options".
func (c *session) startOptions(given map[string]string) error {
	c.encoding, c.given = "UNICODE", map[string]bool{}
	c.parameters = map[string]string{
		"search_path": `"$user",public,` + catalogueSchema, "TimeZone": "UTC", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres",
		"bytea_output": "hex", "standard_conforming_strings": "on", "client_encoding": "UTF8", "jit": "off", "application_name": "",
		// Redshift joins by hash, and skips blocks where PostgreSQL would read the whole table.
		"enable_mergejoin": "off", "default_statistics_target": "10", "random_page_cost": "1.1",
	}
	for name, value := range settingDefaults {
		c.parameters[settings[name]] = value
	}
	for name, value := range given {
		switch name := lower(name); {
		case name == "user" || name == "database" || driverOptions[name]:
		case name == "options":
			if err := c.commandLine(value); err != nil {
				return err
			}
		default:
			if err := c.startOption(name, value); err != nil {
				return err
			}
		}
	}
	c.application = c.parameters["application_name"]
	return nil
}

// commandLine takes options like "-c name=value" and "--name=value".
func (c *session) commandLine(options string) error {
	words := strings.Fields(options)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			word = words[i]
		case strings.HasPrefix(word, "-c"), strings.HasPrefix(word, "--"):
			word = word[2:]
		default:
			return &Refusal{Code: "0A000", Message: fmt.Sprintf("[stand-in] start-up option %q", word), Rule: "R-004"}
		}
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return &Refusal{Code: "0A000", Message: fmt.Sprintf("[stand-in] start-up option %q", word), Rule: "R-004"}
		}
		if err := c.startOption(lower(name), value); err != nil {
			return err
		}
	}
	return nil
}

// startOption takes one option. A setting that Redshift does not know ends the
// connection.
func (c *session) startOption(name, value string) error {
	own, known := settings[name]
	if !known {
		return unrecognized(name)
	}
	if refusal := checkSetting(name, value); refusal != nil {
		return refusal
	}
	switch name {
	case "client_encoding":
		if c.encoding = "UTF8"; lower(value) == "unicode" {
			c.encoding = "UNICODE"
		}
		return nil
	case "search_path":
		value += "," + catalogueSchema
	case "enable_case_sensitive_identifier":
		c.folding = *folding(name, value)
	}
	c.parameters[own], c.given[lower(own)] = settled(name, value), true
	return nil
}

// checkSetting refuses a value that a setting cannot have.
// https://github.com/launchbadge/sqlx/issues/956
// https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
func checkSetting(name, value string) *Refusal {
	switch name {
	case "extra_float_digits":
		return within(name, value, -15, 2, "R-003")
	case "wlm_query_slot_count":
		return within(name, value, 1, 50, "R-034")
	case "analyze_threshold_percent":
		if n, err := strconv.ParseFloat(value, 64); err != nil || !(n >= 0 && n <= 100) {
			return outside(name, value, 0, 100, "R-034")
		}
	case "client_encoding":
		if e := lower(value); e != "utf8" && e != "utf-8" && e != "unicode" {
			return &Refusal{Code: "22023", Message: fmt.Sprintf("[stand-in] client_encoding %q: only UTF8 is served", value), Rule: "R-005"}
		}
	case "datestyle":
		if styleOf(value) != "iso" {
			return &Refusal{Code: "22023", Message: fmt.Sprintf("[stand-in] DateStyle %q: only ISO is served", value), Rule: "R-005"}
		}
	default:
		if slices.Contains(switches, name) && switched[lower(value)] == "" {
			return &Refusal{Code: "22023", Message: fmt.Sprintf("parameter %q requires a Boolean value", name), Rule: "R-034"}
		}
	}
	return nil
}

// within refuses a value that is not a whole number between two bounds.
func within(name, value string, least, most int, rule string) *Refusal {
	if n, err := strconv.Atoi(value); err != nil || n < least || n > most {
		return outside(name, value, least, most, rule)
	}
	return nil
}

func outside(name, value string, least, most int, rule string) *Refusal {
	return &Refusal{Code: "22023", Message: fmt.Sprintf("%s is outside the valid range for parameter %q (%d .. %d)", value, name, least, most), Rule: rule}
}

// fatal answers with an error and ends the connection.
func (c *session) fatal(err error) error {
	c.sendError(err, "FATAL")
	return errors.Join(err, c.wire.Flush())
}
