package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/bucket"
)

// copyCommand is the first argument of a process of this program that reads one whole
// table.
const copyCommand = "copy"

// copyTask is what such a process reads from its standard input.
type copyTask struct {
	DSN     string
	Format  postgres.Format
	Workers int  // of our snapshot; 0: a single COPY whose rows nobody looks at
	Staged  bool // the rows are put into the bucket

	Endpoint, Region, Bucket, AccessKey, SecretKey string
	Profile                                        string // the file for its CPU profile; empty: none
}

func (t copyTask) run(ctx context.Context) error {
	end, err := profile(t.Profile)
	if err != nil {
		return err
	}
	defer end()
	if t.Workers == 0 {
		return t.alone(ctx)
	}
	return t.snapshot(ctx)
}

// alone has the server send the table, and discards it.
func (t copyTask) alone(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, t.DSN)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	tag, err := conn.PgConn().CopyTo(ctx, io.Discard, fmt.Sprintf("COPY public.person TO STDOUT (FORMAT %s)", t.Format))
	if err == nil && tag.RowsAffected() == 0 {
		err = errors.New("the table is empty")
	}
	return err
}

// snapshot reads the table as a load does.
func (t copyTask) snapshot(ctx context.Context) error {
	origin := postgres.New(postgres.Options{
		Config:  func(context.Context) (*pgx.ConnConfig, error) { return pgx.ParseConfig(t.DSN) },
		Choices: []schema.Choice{{Name: schema.Name{Schema: "public", Table: "person"}, All: true}}, Format: t.Format, Workers: t.Workers,
	})
	tables, err := origin.Tables(ctx)
	if err != nil {
		return err
	}
	s, err := origin.Snapshot(ctx, tables)
	if err != nil {
		return err
	}
	defer s.Close()
	taken := s.Taken()
	files, err := t.files(ctx, taken)
	if err != nil {
		return err
	}
	var rows atomic.Int64
	closing, ctx := errgroup.WithContext(ctx)
	closing.SetLimit(t.Workers)
	var reading errgroup.Group
	reading.SetLimit(t.Workers)
	for _, r := range taken.Ranges {
		reading.Go(func() error {
			part, err := files.Part(ctx)
			if err != nil {
				return err
			}
			var read int64
			err = s.Copy(ctx, r, func(row replicator.Tuple) error {
				read++
				return part.Write(row)
			})
			rows.Add(read)
			if err != nil {
				part.Abandon()
				return err
			}
			closing.Go(part.Close)
			return nil
		})
	}
	if err := errors.Join(reading.Wait(), closing.Wait()); err != nil {
		return err
	}
	if rows.Load() == 0 {
		return errors.New("the table is empty")
	}
	_, err = files.Cut(context.WithoutCancel(ctx))
	return err
}

// files returns the files into which the rows are written.
func (t copyTask) files(ctx context.Context, taken replicator.Taken) (replicator.LoadFiles, error) {
	if !t.Staged {
		return nowhere{}, nil
	}
	stager, err := bucket.New(ctx, bucket.Options{URL: "s3://" + t.Bucket, Pipeline: "copied", Region: t.Region, Endpoint: t.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(t.AccessKey, t.SecretKey, "")})
	if err != nil {
		return nil, err
	}
	return stager.Load(ctx, replicator.LoadRequest{Epoch: 1, Into: "person", Table: taken.Tables[0], At: taken.HandOver})
}

// nowhere stands for files that keep nothing.
type nowhere struct{}

func (nowhere) Part(context.Context) (replicator.LoadPart, error) { return nowherePart{}, nil }
func (nowhere) Objects() []string                                 { return nil }

func (nowhere) Cut(context.Context) (replicator.StagedLoad, error) {
	return replicator.StagedLoad{}, nil
}

type nowherePart struct{}

func (nowherePart) Write(replicator.Tuple) error { return nil }
func (nowherePart) Close() error                 { return nil }
func (nowherePart) Abandon()                     {}
