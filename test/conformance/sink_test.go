package conformance

import (
	"errors"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

// sinkRules are the rules on which the sink relies most.
var sinkRules = []string{"R-106", "R-305", "R-307", "R-648"}

// sink are the behaviours of the daemon's own sink, in order: the statements of its
// checks, of loads, of merges and of the fence, and those that it needs more rarely.
// TestConformance prints which of the forms on the list of test/surface were not sent.
var sink = []*behaviour{
	{name: "sink-checks-a-server", rules: sinkRules, grade: "C", files: true, observe: sinkChecks},
	{name: "sink-loads-and-merges", rules: sinkRules, grade: "C", files: true, observe: sinkMerges},
	{name: "sink-fences-older-daemons", rules: sinkRules, grade: "C", files: true, observe: sinkFences},
	{name: "sink-alters-targets", rules: []string{"R-431", "R-432", "R-433", "R-434", "R-435"}, grade: "D", observe: sinkAlters},
	{name: "sink-holds-changes", rules: sinkRules, grade: "C", files: true, observe: sinkHolds},
	{name: "sink-accounts-for-rows", rules: sinkRules, grade: "C", files: true, observe: sinkAccounts},
	{name: "sink-knows-keys-of-all-kinds", rules: sinkRules, grade: "C", files: true, observe: sinkKeys},
	{name: "sink-finds-rows-that-copy-refuses", rules: []string{"R-634", "R-648", "R-653"}, grade: "C", files: true, observe: sinkRefused},
	{name: "sink-writes-what-differs", rules: []string{"R-307", "R-511"}, grade: "C", observe: sinkReconciles},
	{name: "sink-answers-requests", rules: []string{"R-106", "R-238"}, grade: "D", observe: sinkRequests},
	{name: "sink-moves-layouts-up", rules: []string{"R-431", "R-432"}, grade: "D", observe: sinkTakesOver},
	{name: "sink-ends-who-holds-the-fence", rules: []string{"R-106"}, grade: "D", observe: sinkEndsHolders},
	{name: "sink-grants-readers-their-rights", rules: []string{"R-460", "R-462", "R-463", "R-465"}, grade: "D", observe: sinkGrants},
	{name: "sink-leaves-targets-of-others", rules: []string{"R-460", "R-465", "R-470"}, grade: "D", observe: sinkLeavesOthers},
}

// sinkChecks asks a warehouse what `rowshift check` asks, with and without the bucket's
// region.
func sinkChecks(s *server) string {
	p, err := s.pipeline("checks", func(o *redshift.Options) { o.QueryGroup = "conformance" })
	if err != nil {
		return err.Error()
	}
	for _, w := range []*redshift.Warehouse{p.warehouse, p.another(p.regional)} {
		var warehouse []replicator.Finding
		ofBucket := p.stager.Check(s.ctx, func(manifest string) {
			warehouse = w.Check(s.ctx, []*schema.Table{p.table}, manifest)
		})
		for _, f := range append(ofBucket, warehouse...) {
			if f.Verdict != replicator.Fine {
				return fmt.Sprintf("%s: %s", f.Subject, f.Found)
			}
		}
	}
	return ""
}

func sinkMerges(s *server) string {
	p, err := s.pipeline("merges")
	if err != nil {
		return err.Error()
	}
	return inOrder(
		p.fence,
		func() error { return p.load(0, "a|1.25|x", "a |2|~", "b|3|", "é|~|line\nbreak") },
		p.holds("a|1.25|x", "a |2.00|NULL", "b|3.00|", "é|NULL|line\nbreak"),
		func() error { return p.load(1, "a|1.25|x", "b|4|", "c|5|y") },
		p.holds("a|1.25|x", "b|4.00|", "c|5.00|y"),
		func() error { return p.change(`insert q"'\|6|\N`, "update a|9|^", "update b -> d|7|moved", "delete c") },
		p.holds(`q"'\|6.00|\N`, "a|9.00|x", "d|7.00|moved"),
		func() error { return p.change("truncate", "insert z|1|~") },
		p.holds("z|1.00|NULL"),

		// Files that were copied ahead of their merge are not copied again.
		func() error {
			m, err := p.staging(p.batch(p.table, "update z|2|^", "insert y|3|w"))
			if err == nil {
				err = p.warehouse.Prepare(s.ctx, m.Staged[0])
			}
			if err == nil {
				_, err = p.merged(m)
			}
			return err
		},
		p.holds("z|2.00|NULL", "y|3.00|w"),
	)
}

// sinkFences has a second daemon take over.
func sinkFences(s *server) string {
	first, err := s.pipeline("fences")
	if err != nil {
		return err.Error()
	}
	second := *first
	second.warehouse = first.another()
	return inOrder(
		first.fence,
		func() error { return first.load(0, "a|1|x") },
		second.fence,
		func() error {
			err := first.change("delete a")
			return differs(errors.Is(err, replicator.ErrFenced), "the older daemon's merge ended with %v", err)
		},
		func() error { return second.change("update a|2|^") },
		second.holds("a|2.00|x"),
	)
}
