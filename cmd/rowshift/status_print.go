package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// print writes the report as JSON or for a person.
func (s *statusReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "pipeline\t%s\n", s.Pipeline)
	fmt.Fprintf(t, "checkpoint\t%s\n", s.Checkpoint)
	fmt.Fprintf(t, "slot\t%s\n", s.Slot)
	fmt.Fprintf(t, "daemon\t%s\n", s.daemon())
	if err := t.Flush(); err != nil {
		return err
	}
	if s.Checkpoint != nil && len(s.Checkpoint.Tables) > 0 {
		fmt.Fprintf(t, "\nTABLE\tTARGET\tSTATE\tIN QUARANTINE\n")
		for _, one := range s.Checkpoint.Tables {
			state := one.State
			if one.Loaded {
				state += ", loaded"
			}
			if one.Held != nil {
				state += fmt.Sprintf(", %s changed rows wait", humanize.Comma(*one.Held))
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", one.Table, one.Target, state, one.Quarantined)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(s.Requests) > 0 {
		fmt.Fprintf(t, "\nREQUEST\tOF\tSTATE\tAGE\n")
		for _, r := range s.Requests {
			fmt.Fprintf(t, "%s\t%s\t%s\t%v\n", r.Kind, r.What, r.State, time.Duration(r.Age*float64(time.Second)))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "\n%s\n", p)
	}
	return nil
}

// String returns a line for a person.
func (c *checkpointStatus) String() string {
	if c == nil {
		return "none known"
	}
	text := fmt.Sprintf("%s, %s, epoch %d", c.LSN, c.Phase, c.Epoch)
	if c.CommittedAt != nil {
		text += fmt.Sprintf(", last commit %s (%s)", c.CommittedAt.Format(time.RFC3339), humanize.Time(*c.CommittedAt))
	}
	return text
}

// String returns a line for a person.
func (s *slotStatusReport) String() string {
	switch {
	case s == nil:
		return "not known"
	case !s.Exists:
		return s.Name + ", missing"
	}
	text := s.Name + ", not active"
	if s.Active {
		text = s.Name + ", active"
	}
	text += fmt.Sprintf(", %s, keeps %s", s.Status, humanize.IBytes(s.RetainedBytes))
	if s.SafeBytes != nil {
		text += fmt.Sprintf(" and may keep %s more", humanize.IBytes(uint64(max(*s.SafeBytes, 0))))
	}
	return text + fmt.Sprintf(", the checkpoint is %s behind", humanize.IBytes(s.LagBytes))
}

func (s *statusReport) daemon() string {
	d := s.Daemon
	if d == nil {
		return fmt.Sprintf("not reachable from here at %s: %s", s.DaemonURL, s.Unheard)
	}
	text := fmt.Sprintf("%s for %v", d.State, time.Since(d.Since).Round(time.Second))
	if d.LagSeconds != nil {
		text += fmt.Sprintf(", lag %.1f s", *d.LagSeconds)
	}
	if d.Why != "" {
		text += ": " + d.Why
	}
	return text
}
