// Package house holds the tests that keep the code in shape: which package may import
// which, how large files and functions may grow, and that every package says what it is.
// It has no code of its own.
package house
