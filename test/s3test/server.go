package s3test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"rowshift/test/freeport"
	"rowshift/test/scratch"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Options are the choices for a server; the zero value is a good default.
type Options struct {
	// The defaults of Region, AccessKey, SecretKey and Bucket are us-east-1,
	// test-access, test-secret-key and test-bucket.
	Region, AccessKey, SecretKey, Bucket string
	// Step, if set, is told about each slow step of the first start.
	Step func(what string)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Region, "us-east-1"}, {&o.AccessKey, "test-access"},
		{&o.SecretKey, "test-secret-key"}, {&o.Bucket, "test-bucket"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	return o
}

// Server is a running gateway. Its methods are safe for concurrent use.
type Server struct {
	Options
	// Address is the host:port that the gateway listens on.
	Address string
	// Dir is the server's folder. Objects are under Dir/buckets, and the gateway's log
	// is Dir/server.log.
	Dir string

	folder *scratch.Folder
	client *s3.Client
	proc   *os.Process
	gone   chan struct{} // closed when the process has ended
}

// New starts a server with an empty bucket. ctx bounds the start only.
func New(ctx context.Context, options Options) (*Server, error) {
	binary, err := findGateway(ctx, options.Step)
	if err != nil {
		return nil, err
	}
	f, err := scratch.New(os.TempDir(), "rowshift-s3-")
	if err != nil {
		return nil, err
	}
	s := &Server{Options: options.withDefaults(), Dir: f.Path, folder: f, gone: make(chan struct{})}
	if s.client, err = s.connect(ctx); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	if err := s.launch(binary); err != nil {
		return nil, errors.Join(fmt.Errorf("s3test: %w", err), f.Remove())
	}
	if err := s.awaitReady(ctx); err != nil {
		text, _ := os.ReadFile(s.logFile()) // the error says enough without it
		return nil, errors.Join(fmt.Errorf("s3test: the gateway did not start: %w\n%s", err, text), s.Close())
	}
	if _, err := s.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &s.Bucket}); err != nil {
		return nil, errors.Join(fmt.Errorf("s3test: %w", err), s.Close())
	}
	return s, nil
}

// Endpoint returns the server's URL, for path-style addresses.
func (s *Server) Endpoint() string { return "http://" + s.Address }

// Pid returns the id of the gateway's process.
func (s *Server) Pid() int { return s.proc.Pid }

func (s *Server) logFile() string { return filepath.Join(s.Dir, "server.log") }

// connect chooses the address and makes the client for Objects, Get, Put and Delete.
func (s *Server) connect(ctx context.Context) (*s3.Client, error) {
	var err error
	if s.Address, err = freeport.Address(); err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.Region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, "")))
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(s.Endpoint())
		o.UsePathStyle = true
	}), nil
}

// launch starts the gateway from a thread that lives as long as it does: the
// kernel sends the parent-death signal when the thread dies, not the process
// (https://github.com/golang/go/issues/27505).
func (s *Server) launch(binary string) error {
	cmd, err := s.command(binary)
	if err != nil {
		return err
	}
	logFile, err := os.Create(s.logFile())
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.proc = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // Close has killed it
			close(s.gone)
		}
	}()
	return <-started
}

func (s *Server) command(binary string) (*exec.Cmd, error) {
	buckets := filepath.Join(s.Dir, "buckets")
	if err := os.Mkdir(buckets, 0o755); err != nil {
		return nil, err
	}
	args := []string{"--port", s.Address, "--region", s.Region, "--health", "/health", "--keep-alive", "--quiet", "posix"}
	if syscall.Setxattr(buckets, "user.rowshift.probe", []byte("1"), 0) != nil {
		sidecar := filepath.Join(s.Dir, "metadata")
		if err := os.Mkdir(sidecar, 0o755); err != nil {
			return nil, err
		}
		args = append(args, "--sidecar", sidecar)
	}
	cmd := exec.Command(binary, append(args, buckets)...)
	cmd.Dir = s.Dir
	// Keys are passed in the environment, because every user can read arguments.
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.AccessKey, "ROOT_SECRET_ACCESS_KEY="+s.SecretKey)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd, nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	once := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := once.Get(s.Endpoint() + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-s.gone:
			return errors.New("it ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Close ends the gateway and removes its folder.
func (s *Server) Close() error {
	if err := s.proc.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.gone
	return s.folder.Remove()
}
