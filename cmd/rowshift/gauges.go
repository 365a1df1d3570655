package main

import (
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges collects at each scrape the metrics that show how things stand now.
type gauges struct {
	state   *state
	dropped func() int64 // number of log lines that were dropped
}

var (
	lagSeconds   = describeGauge("lag_seconds", "Age of the oldest commit that the warehouse lacks; 0 while it lacks none that is known; absent, as all positions are, in a standby.")
	lagBytes     = describeGauge("lag_bytes", "Bytes of the source's log that the warehouse may lack; absent in a standby.")
	lsnStage     = describeGauge("lsn", "Position that changes have reached, by stage.", "stage")
	waitingNow   = describeGauge("changes_waiting", "Changes of the tables that were received and are not merged.")
	mergedAt     = describeGauge("last_merge_timestamp_seconds", "When this daemon last merged, changes or just a newer checkpoint; absent before it did.")
	resyncsAsked = describeGauge("resyncs_waiting", "Tables whose load somebody has asked for and that has not begun.")
	heldRows     = describeGauge("held_rows", "Rows that wait in a held table for the load of their table; absent while not known, after a restart until some are applied.", "table")
	refusedRows  = describeGauge("quarantine_rows", "Rows of the source that are in quarantine, and so not in their target, as of the last merge, but for what was dropped from there in the last minutes; absent while not known.", "table")
	tableSince   = describeGauge("table_state_timestamp_seconds", "When this daemon first saw the table in the state that it is in.", "table")
	sourceLSN    = describeGauge("source_lsn", "Position in bytes of the end of the source's log, when the slot was last looked at; a standby tells it too.")
	slotRetained = describeGauge("slot_retained_bytes", "Bytes of the source's log that the slot keeps; absent while there is no slot.")
	slotSafe     = describeGauge("slot_safe_bytes", "Bytes that the source's log may still grow by before the slot is lost; 0 once it is lost or missing, and absent before there was one and while max_slot_wal_keep_size sets no limit.")
	slotStatus   = describeGauge("slot_wal_status", "1 for the slot's wal_status; missing is one that was there, or that the warehouse remembers.", "status")
	slotActive   = describeGauge("slot_active", "1 while a daemon streams from the slot.")
	protocol     = describeGauge("protocol_format", "1 for the format in which the source sends the stream's values.", "format")
	slotSeen     = describeGauge("slot_seen_timestamp_seconds", "When the slot was last looked at; what else is told of it, and source_lsn, are absent once that is two minutes ago.")
	haltedReason = describeGauge("halted", "1 for the reason why the pipeline is halted; also while it looks again, until the halt is known to be over.", "reason")
	stateNow     = describeGauge("state", "1 for what the daemon is doing.", "state")
	tableState   = describeGauge("table_state", "1 for the state that a table is in; absent, as all that is told by table and is no count, in a standby.", "table", "state")
	loadRows     = describeGauge("load_rows", "Rows that the running or last load has read.")
	loadRowsAll  = describeGauge("load_rows_estimated", "Rows that the load is estimated to have in all.")
	loadBytes    = describeGauge("load_bytes", "Bytes that the running or last load has read.")
	loadBytesAll = describeGauge("load_bytes_estimated", "Bytes that the load is estimated to have in all.")
	loadTables   = describeGauge("load_tables", "Tables of the running or last load, by whether they are loaded.", "loaded")
	logDropped   = prometheus.NewDesc("rowshift_log_lines_dropped_total", "Log lines that were dropped because nobody read them.", nil, nil)
)

func describeGauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rowshift_"+name, help, labels, nil)
}

// reasons are all reasons to halt.
var reasons = []replicator.Reason{
	replicator.SlotMissing, replicator.SlotLost, replicator.SlotAhead, replicator.SlotStrange,
	replicator.SourceChanged, replicator.SourceBehind, replicator.SourceInRecovery, replicator.SourceUnfit,
	replicator.PublicationMissing, replicator.PublicationDiffers,
	replicator.TableUnfit, replicator.AlterationDue, replicator.ValueMisfit,
	replicator.LoadRefused, replicator.WarehouseUnfit, replicator.WarehouseTaken, replicator.TargetDrift,
	replicator.BucketUnfit, replicator.CheckpointMissing,
}

// Describe implements prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lagSeconds, lagBytes, lsnStage, waitingNow, mergedAt, resyncsAsked, heldRows, refusedRows, tableSince, sourceLSN, slotRetained, slotSafe, slotStatus, slotActive, slotSeen, protocol, haltedReason, stateNow,
		tableState, loadRows, loadRowsAll, loadBytes, loadBytesAll, loadTables, logDropped,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.state.snapshot()
	set := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	s.collectPosition(set)
	for _, one := range daemonStates {
		set(stateNow, is(one == s.state), string(one))
	}
	for _, r := range reasons {
		set(haltedReason, is(s.halt != nil && s.halt.Reason == r), string(r))
	}
	s.collectTables(set)
	s.slot.collect(set)
	set(loadRows, float64(s.load.Rows))
	set(loadRowsAll, float64(s.load.RowsEstimated))
	set(loadBytes, float64(s.load.Bytes))
	set(loadBytesAll, float64(s.load.BytesEstimated))
	set(loadTables, float64(s.load.TablesLoaded), "true")
	set(loadTables, float64(s.load.Tables-s.load.TablesLoaded), "false")
	ch <- prometheus.MustNewConstMetric(logDropped, prometheus.CounterValue, float64(g.dropped()))
}

// collectPosition reports how far the pipeline is, if that is known.
func (s snapshot) collectPosition(set func(*prometheus.Desc, float64, ...string)) {
	if !s.known {
		return
	}
	set(lagSeconds, s.lagSeconds)
	set(lagBytes, float64(s.lagBytes))
	set(waitingNow, float64(s.waiting))
	set(resyncsAsked, float64(s.resyncs))
	if !s.mergedAt.IsZero() {
		set(mergedAt, seconds(s.mergedAt))
	}
	set(lsnStage, float64(s.position.received), "received")
	set(lsnStage, float64(s.position.staged), "staged")
	set(lsnStage, float64(s.position.merged), "merged")
	set(lsnStage, float64(s.position.acknowledged), "acknowledged")
	for _, f := range []postgres.Format{postgres.Text, postgres.Binary} {
		set(protocol, is(s.format == string(f)), string(f))
	}
}

// collectTables reports the state of each table.
func (s snapshot) collectTables(set func(*prometheus.Desc, float64, ...string)) {
	for _, t := range s.tables {
		name := t.Name.String()
		for _, one := range []replicator.State{replicator.Loading, replicator.Live, replicator.Parked} {
			set(tableState, is(t.State == one), name, string(one))
		}
		if since, seen := s.tableSince[t.OID]; seen {
			set(tableSince, seconds(since.at), name)
		}
		if s.refused != nil {
			set(refusedRows, float64(s.refused[t.Name]), name)
		}
		if rows, known := s.held[t.OID]; known || t.State == replicator.Live {
			set(heldRows, float64(rows), name)
		}
	}
}

// collect reports how the slot was last seen, if it ever was. Once that is too long ago it
// reports only when that was: an alert on an old sighting would stay silent whatever has
// happened since.
func (s slotSighting) collect(set func(*prometheus.Desc, float64, ...string)) {
	if s.at.IsZero() {
		return
	}
	set(slotSeen, seconds(s.at))
	if time.Since(s.at) > unseenAfter {
		return
	}
	set(sourceLSN, float64(s.current))
	set(slotActive, is(s.active))
	if s.exists {
		set(slotRetained, float64(s.retained))
	}
	status := s.status
	if !s.exists && s.had { // otherwise it is not missing: a first start has yet to make it
		status = "missing"
	}
	switch {
	case status == "lost", status == "missing": // safe_wal_size is NULL then, as if there were no limit
		set(slotSafe, 0)
	case s.limited:
		set(slotSafe, float64(s.safe))
	}
	for _, one := range []string{"reserved", "extended", "unreserved", "lost", "missing"} {
		set(slotStatus, is(one == status), one)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
