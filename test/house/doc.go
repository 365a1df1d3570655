// Package house holds the tests that hold the house up: which room may import
// which, how large files and functions may grow, and that every room says what it
// is. It has no code of its own.
package house
