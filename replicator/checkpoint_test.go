package replicator

import (
	"reflect"
	"testing"
)

// States are the same only if all that they hold is, at any depth: a change that Same overlooked
// would never be written.
func TestSameOverlooksNothing(t *testing.T) {
	full := func() TableState { return filled(reflect.TypeFor[TableState]()).Interface().(TableState) }
	state := full()
	if copied := state; !state.Same(copied) || !state.Same(full()) {
		t.Error("a state is not the same as its copy")
	}
	n := 0
	vary(reflect.ValueOf(state), "", func(path string, v reflect.Value) {
		if n++; state.Same(v.Interface().(TableState)) {
			t.Errorf("states with another %s are the same", path)
		}
	})
	if n < 50 {
		t.Errorf("only %d things were changed", n)
	}
}

// filled returns a value that holds no nil: what it points to is there, and its slices have one
// element. All else is zero.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type))
		}
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(t.Elem()))
	case reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	}
	return v
}

// vary calls do with copies of a value that differ from it in one thing each, and share everything
// else with it. path says where that is.
func vary(v reflect.Value, path string, do func(path string, v reflect.Value)) {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			vary(v.Field(i), path+"."+v.Type().Field(i).Name, func(path string, field reflect.Value) {
				c.Set(v)
				c.Field(i).Set(field)
				do(path, c)
			})
		}
	case reflect.Pointer:
		do(path, reflect.Zero(v.Type()))
		vary(v.Elem(), path, func(path string, is reflect.Value) {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(is)
			do(path, c)
		})
	case reflect.Slice:
		do(path, reflect.Zero(v.Type()))
		vary(v.Index(0), path+"[0]", func(path string, element reflect.Value) {
			do(path, reflect.Append(reflect.Zero(v.Type()), element))
		})
	case reflect.String:
		c.SetString("changed")
		do(path, c)
	case reflect.Bool:
		c.SetBool(true)
		do(path, c)
	default:
		c.Set(reflect.ValueOf(1).Convert(v.Type())) // a number
		do(path, c)
	}
}
