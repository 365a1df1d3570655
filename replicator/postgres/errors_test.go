package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestBareKeepsTheCode shows that an error still has its SQLSTATE, by which errors of
// servers are counted, once bare has taken out what can hold values.
func TestBareKeepsTheCode(t *testing.T) {
	for code, want := range map[string]string{
		"57P01": "because (SQLSTATE 57P01)",
		"22001": "a value was refused (SQLSTATE 22001)",
	} {
		err := bare(fmt.Errorf("read: %w", &pgconn.PgError{Code: code, Message: "because", Detail: "a value", Where: "a row"}))
		var coded interface{ SQLState() string }
		if !errors.As(fmt.Errorf("postgres: %w", err), &coded) || coded.SQLState() != code || err.Error() != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}
