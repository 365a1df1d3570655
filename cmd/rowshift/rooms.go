package main

import (
	"context"
	"errors"

	"rowshift/replicator"
)

// rooms are what talks to the source, the bucket and the warehouse.
type rooms struct{}

var errRooms = errors.New("this build has no rooms yet: it reads configs only")

func newRooms(context.Context, *config, func(string)) (*rooms, error) { return nil, errRooms }

func (r *rooms) into(*replicator.Options)                   {}
func (r *rooms) close()                                     {}
func (r *rooms) check(context.Context) []replicator.Finding { return nil }
func (r *rooms) plan(context.Context) (source, warehouse []string, _ error) {
	return nil, nil, errRooms
}
func (r *rooms) slot(context.Context) (slotSighting, error)                 { return slotSighting{}, errRooms }
func (r *rooms) checkpoint(context.Context) (*replicator.Checkpoint, error) { return nil, errRooms }
