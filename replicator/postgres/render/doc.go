// Package render writes values that PostgreSQL has sent in their binary form as the
// text that it would have sent instead, to the byte.
//
// A server that sends the binary form does not call its output functions, which are a
// good part of what sending costs it. Everything above the source knows values by their
// text, so the text is made here: by the rules of those output functions, under the
// settings that every session of ours has (UTC, DateStyle ISO, IntervalStyle iso_8601,
// the shortest floating-point numbers, bytea in hexadecimal, money as in the locale C).
// A type whose text is not certain to be the same has no Form.
//
// The forms are those of the types' send functions.
// https://github.com/postgres/postgres/tree/master/src/backend/utils/adt
package render
