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
	world  *harness.World
	daemon *harness.Daemon
	load   *harness.Load
}

// pressed is the query of the post that rowshift started from, to the letter.
const pressed = `SELECT company_uuid
FROM userdata.companyperson AS userdata
INNER JOIN analytics.pressed_big_button AS analytics
ON userdata.person_uuid = analytics.user_id`

// byRole asks the same by role, so that a change of role changes the answer.
const byRole = `SELECT role_in_company, COUNT(DISTINCT company_uuid) AS companies, COUNT(*) AS presses
FROM userdata.companyperson AS userdata
INNER JOIN analytics.pressed_big_button AS analytics
ON userdata.person_uuid = analytics.user_id
GROUP BY role_in_company
ORDER BY role_in_company`

// events makes Segment's table of one event, with presses of 300 persons.
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

// begin writes the events, starts the load and the daemon, and says where
// everything is.
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
  config      %s
`, w.SourceDSN(), w.WarehouseDSN("analysts", "analysts"), w.S3.Bucket, w.S3.Endpoint(), w.S3.AccessKey, w.S3.SecretKey, w.Listen(), w.ConfigFile())
	say("first load: 10,000 companies, 50,000 persons, 60,000 memberships, while the service goes on writing")
	d.load = w.Load(harness.Workload{Seed: 1, Writers: 2, Pause: 5 * time.Millisecond, Large: 2000})
	d.daemon, err = w.Run()
	return err
}

// show prints a line a second, and asks the warehouse once it is live and again
// now and then.
func (d *demo) show(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	asked := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := d.alive(); err != nil {
			return err
		}
		line, live := d.line(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Printf("%4.0fs  %s\n", time.Since(began).Seconds(), line)
		if live && !asked {
			asked = true
			if err := d.ask(ctx); err != nil {
				return err
			}
		}
	}
}

// alive fails once the daemon has ended.
func (d *demo) alive() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if code, err := d.daemon.Ended(ended); err == nil {
		return fmt.Errorf("rowshift ended with code %d:\n%s", code, d.daemon.Tail(20))
	}
	return nil
}

// ask runs the post's query, changes a role in the source, and waits for the
// answer to change.
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

// end lets the load stop and compares source and target row by row.
func (d *demo) end(ctx context.Context) error {
	say("stopping the load and comparing source and target row by row")
	if err := d.load.Stop(); err != nil {
		return fmt.Errorf("the workload failed: %w", err)
	}
	if err := d.world.BecomeEqual(ctx, time.Minute); err != nil {
		return errors.Join(err, errors.New(d.daemon.Tail(20)))
	}
	say("equal, after %d transactions of the source", d.load.Transactions.Load())
	return nil
}
