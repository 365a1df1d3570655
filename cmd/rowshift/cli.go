package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"rowshift/schema"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitFine   = 0
	exitFailed = 1 // something failed, or could not be asked
	exitBad    = 2 // the config or the command line
)

// commandLine is the grammar of the command line.
type commandLine struct {
	Config string `help:"Path of the config file; without one, rowshift.yaml." env:"ROWSHIFT_CONFIG" default:"rowshift.yaml" placeholder:"FILE"`

	Run        runCommand        `cmd:"" help:"Replicate until told to stop."`
	Check      checkCommand      `cmd:"" help:"Look at everything that a first run needs, and say what repairs what is missing."`
	Plan       planCommand       `cmd:"" help:"Print the statements that a run would execute on the source and on the warehouse, and which tables it would load again or park."`
	Status     statusCommand     `cmd:"" help:"Say how far the warehouse is, and why it is not further."`
	Resync     resyncCommand     `cmd:"" help:"Ask the daemon to load tables again, beside their live copies."`
	ResetSlot  resetSlotCommand  `cmd:"" help:"Make the slot anew and load all tables again, once for each token: by the running daemon, or without one."`
	Quarantine quarantineCommand `cmd:"" help:"List the rows that were refused, have their tables loaded again, or drop their entries."`
	Teardown   teardownCommand   `cmd:"" help:"Print what drops the slot and the publication, or carry it out. The targets stay."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// outside is what a command gets besides its flags: the config's path and where to
// print.
type outside struct {
	config         string // path of the config file
	stdout, stderr io.Writer

	patience time.Duration // how long check and status give each part, and ask all of a command; tests set it, 0 means the usual time
}

// load reads the config.
func (o *outside) load() (*config, error) { return loadConfig(o.config) }

// errTold ends a command with exit code 1 if its output has already said why.
var errTold = errors.New("something failed")

// misuse is a fault of the command line that the grammar cannot find. It ends a command
// with the same exit code as a fault of the grammar.
type misuse struct{ error }

// Unwrap returns the fault itself.
func (m misuse) Unwrap() error { return m.error }

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if holdsPassword(args) {
		fmt.Fprintln(stderr, "rowshift: a password on the command line can be read by everyone on this machine; "+
			`write it into the config as "${ENV}" or file:PATH`)
		return exitBad
	}
	var line commandLine
	command, code := parse(&line, args, stdout, stderr)
	if command == nil {
		return code
	}
	o := &outside{config: line.Config, stdout: stdout, stderr: stderr}
	command.BindTo(ctx, (*context.Context)(nil))
	return told(command.Run(o), stderr)
}

// told prints the error that a command returned, if any, and returns the exit code.
func told(err error, stderr io.Writer) int {
	var bad *faults
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &bad):
		bad.print(stderr)
		return exitBad
	case errors.Is(err, errTold):
		return exitFailed
	}
	lines := schema.Faults(err)
	for _, f := range lines {
		fmt.Fprintln(stderr, "rowshift:", f)
	}
	if len(lines) == 0 {
		fmt.Fprintln(stderr, "rowshift:", oneLine(err))
	}
	if _, is := errors.AsType[misuse](err); is {
		return exitBad
	}
	return exitFailed
}

// exit is the value that the parser panics with after it has done everything itself, as
// for --help.
type exit int

// parse returns the command to run. If there is none to run, command is nil and code is
// the exit code.
func parse(line *commandLine, args []string, stdout, stderr io.Writer) (command *kong.Context, code int) {
	parser, err := kong.New(line,
		kong.Name("rowshift"),
		kong.Description("Keeps tables of PostgreSQL equal in Amazon Redshift, seconds behind."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "rowshift:", err)
		return nil, exitBad
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			command, code = nil, int(r)
		default:
			panic(r)
		}
	}()
	command, err = parser.Parse(normalized(args))
	if err != nil {
		fmt.Fprintf(stderr, "rowshift: %s; see rowshift --help\n", usage(err))
		return nil, exitBad
	}
	return command, exitFine
}

// normalized translates the usual ways to ask for help and version, "help" and "--version",
// into this command line's own.
func normalized(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// usage returns the parser's error, reworded where the parser's words are obscure.
func usage(err error) string {
	flag, found, _ := strings.Cut(err.Error(), ": ")
	if strings.HasSuffix(found, "(<EOL>)") { // the parser's name for the end of the command line
		return flag + " needs a value"
	}
	return err.Error()
}

// holdsPassword reports whether an argument holds a password: a flag that is named for
// one, or a URL that has one in it.
func holdsPassword(args []string) bool {
	for _, arg := range args {
		flag, value, _ := strings.Cut(arg, "=")
		name := strings.ToLower(flag)
		if strings.HasPrefix(name, "-") && (strings.Contains(name, "password") || strings.Contains(name, "secret")) {
			return true
		}
		for _, text := range []string{arg, value} {
			if strings.Contains(text, "password=") {
				return true
			}
			if u, err := url.Parse(text); err == nil && u.User != nil {
				if _, has := u.User.Password(); has {
					return true
				}
			}
		}
	}
	return false
}
