package main

import (
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// isTerminal reports whether w is a terminal, so that a person reads it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newLogger returns a logger that writes JSON, with durations in seconds, or readable
// lines for a terminal.
func newLogger(w zapcore.WriteSyncer, level zapcore.Level, terminal bool) *zap.Logger {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.MessageKey = "message"
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.SecondsDurationEncoder
	encoder := zapcore.NewJSONEncoder(c)
	if terminal {
		c.EncodeTime = zapcore.TimeEncoderOfLayout(time.TimeOnly)
		c.EncodeLevel = zapcore.CapitalColorLevelEncoder
		c.EncodeDuration = zapcore.StringDurationEncoder
		encoder = zapcore.NewConsoleEncoder(c)
	}
	return zap.New(zapcore.NewCore(encoder, w, level))
}
