package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rowshift/test/harness"
)

// demo is a world and what runs in it.
type demo struct {
	world    *harness.World
	daemon   *harness.Daemon
	load     *harness.Load
	began    time.Time // when the daemon was started
	answered bool      // whether the query was asked and the change was seen in its answer
	halt     string    // why the daemon is halted; empty if it is not
}

// overtime is how much longer than DEMO_SECONDS a demo may run until the answer has
// changed.
const overtime = 2 * time.Minute

// pressed is, to the letter, the query of the post that rowshift started from.
const pressed = `SELECT company_uuid
FROM userdata.companyperson AS userdata
INNER JOIN analytics.pressed_big_button AS analytics
ON userdata.person_uuid = analytics.user_id`

// byRole asks the same by role, so that a change of a role changes the answer.
const byRole = `SELECT role_in_company, COUNT(DISTINCT company_uuid) AS companies, COUNT(*) AS presses
FROM userdata.companyperson AS userdata
INNER JOIN analytics.pressed_big_button AS analytics
ON userdata.person_uuid = analytics.user_id
GROUP BY role_in_company
ORDER BY role_in_company`

// events returns the SQL that makes Segment's table of one event, with presses of 300
// persons.
func events() []string {
	var values []string
	for n := range 300 {
		values = append(values, fmt.Sprintf("('e%d', '2026-11-01 10:00:00', %s)", n, uid(1+n*7)))
	}
	return []string{
		"CREATE SCHEMA IF NOT EXISTS analytics",
		"CREATE TABLE analytics.pressed_big_button (id VARCHAR(512) NOT NULL, received_at TIMESTAMP, user_id VARCHAR(512)) DISTSTYLE KEY DISTKEY (id) SORTKEY (received_at)",
		"INSERT INTO analytics.pressed_big_button (id, received_at, user_id) VALUES " + strings.Join(values, ", "),
		"GRANT USAGE ON SCHEMA analytics TO analysts",
		"GRANT SELECT ON analytics.pressed_big_button TO analysts",
	}
}

// begin writes the events, starts the load and the daemon, and prints the address of
// everything.
func (d *demo) begin(ctx context.Context) (err error) {
	w := d.world
	for _, s := range events() {
		if _, err := harness.Rows(ctx, w.WarehouseDSN("dev", "dev"), s); err != nil {
			return fmt.Errorf("%w in %.80s", err, s)
		}
	}
	say("running. To look around, from another terminal:")
	fmt.Printf(`  source      psql '%s'
  warehouse   psql '%s'
  bucket      s3://%s at %s (key %s, secret %s)
  rowshift    curl http://%s/metrics   /readyz   /healthz
  status      AWS_ACCESS_KEY_ID=%[5]s AWS_SECRET_ACCESS_KEY=%[6]s AWS_EC2_METADATA_DISABLED=true %[8]s status --config %[9]s
  config      %[9]s
  log         %[10]s
`, w.SourceDSN(), w.WarehouseDSN("analysts", "analysts"), w.S3.Bucket, w.Endpoint(), w.S3.AccessKey, w.S3.SecretKey, w.Listen(), w.Binary, w.ConfigFile(), w.LogFile())
	say("first load: 10,000 companies, 50,000 persons, 60,000 memberships, while the service goes on writing")
	d.load = w.Load(harness.Workload{Seed: 1, Writers: 2, Pause: 5 * time.Millisecond, Large: 2000})
	d.began = time.Now()
	d.daemon, err = w.Run()
	return err
}

// show prints a line a second and, once all tables are live, queries the warehouse. If
// most is set, it ends after that time and once the answer has changed.
func (d *demo) show(ctx context.Context, most time.Duration) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := d.alive(); err != nil {
			return err
		}
		if err := d.second(ctx); err != nil {
			return err
		}
		switch passed := time.Since(d.began); {
		case most == 0 || passed < most:
		case d.answered:
			return nil
		case passed > most+overtime:
			return fmt.Errorf("the query could not be asked within %v of the start", (most + overtime).Round(time.Second))
		}
	}
}

// second prints the line of one second, and what is new in it.
func (d *demo) second(ctx context.Context) error {
	_, page, err := d.world.Get(ctx, "/metrics")
	m := harness.ParseMetrics(page)
	fmt.Printf("%4.0fs  %s\n", time.Since(d.began).Seconds(), line(m, err, d.load.Transactions.Load()))
	if err := d.halted(ctx, m); err != nil {
		return err
	}
	if d.answered || !live(m) {
		return nil
	}
	say("loaded %.0f rows, and what changed meanwhile, in %.1f s", m.Sum("rowshift_load_rows"), time.Since(d.began).Seconds())
	if err := d.ask(ctx); err != nil {
		return err
	}
	d.answered = true
	return nil
}

// halted prints why the daemon is halted, once for each halt.
func (d *demo) halted(ctx context.Context, m harness.Metrics) error {
	if m.Sum(`rowshift_state{state="halted"}`) == 0 {
		d.halt = ""
		return nil
	}
	_, body, err := d.world.Get(ctx, "/readyz")
	if err != nil {
		return err
	}
	if now := haltOf(body); now != d.halt {
		d.halt = now
		say("rowshift is halted, and looks again every five minutes:\n%s", now)
	}
	return nil
}

// alive returns an error once the daemon has ended.
func (d *demo) alive() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if code, err := d.daemon.Ended(ended); err == nil {
		return fmt.Errorf("rowshift ended with code %d:\n%s", code, d.daemon.Tail(20))
	}
	return nil
}

// ask runs the post's query, changes a role in the source, and waits until the answer
// changes.
func (d *demo) ask(ctx context.Context) error {
	say("which companies pressed the big button?")
	if err := d.query(ctx, pressed, 5); err != nil {
		return err
	}
	say("and in which role?")
	if err := d.query(ctx, byRole, 10); err != nil {
		return err
	}
	before, err := d.rows(ctx, byRole)
	if err != nil {
		return err
	}
	change := "UPDATE company_person SET role_in_company = 'OWNER' WHERE person_uuid IN (SELECT uid('p', 1 + n * 7) FROM generate_series(0, 99) n)"
	say("now, in PostgreSQL: %s", change)
	began := time.Now()
	if err := d.world.Execute(ctx, change); err != nil {
		return err
	}
	err = harness.Await(ctx, 30*time.Second, "the answer to change", func() (bool, error) {
		now, err := d.rows(ctx, byRole)
		return strings.Contains(strings.Join(now, ""), "OWNER") && strings.Join(now, "") != strings.Join(before, ""), err
	})
	if err != nil {
		return err
	}
	say("in the warehouse, %.1f s later:", time.Since(began).Seconds())
	return d.query(ctx, byRole, 10)
}

func (d *demo) rows(ctx context.Context, query string) ([]string, error) {
	return harness.Rows(ctx, d.world.WarehouseDSN("analysts", "analysts"), query)
}

// end stops the load and compares source and target row by row.
func (d *demo) end(ctx context.Context) error {
	say("stopping the load and comparing source and target row by row")
	if err := d.load.Stop(); err != nil {
		return fmt.Errorf("the workload failed: %w", err)
	}
	if d.halt != "" {
		return fmt.Errorf("rowshift is halted:\n%s", d.halt)
	}
	if err := d.world.BecomeEqual(ctx, time.Minute); err != nil {
		return errors.Join(err, errors.New(d.daemon.Tail(20)))
	}
	say("equal, after %d transactions of the source", d.load.Transactions.Load())
	return nil
}
