package replicator

import (
	"reflect"
	"testing"
	"time"
)

// Every duration, size and number that is zero gets a default, and those that are set stay.
func TestEveryOptionHasADefault(t *testing.T) {
	var numbers func(v reflect.Value, path string, do func(path string, v reflect.Value))
	numbers = func(v reflect.Value, path string, do func(string, reflect.Value)) {
		switch {
		case v.Type() == reflect.TypeFor[Listener]():
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				numbers(v.Field(i), path+"."+v.Type().Field(i).Name, do)
			}
		case v.CanInt() || v.CanUint():
			do(path, v)
		}
	}
	var o, set Options
	n := 0
	o.EnsureDefaults()
	numbers(reflect.ValueOf(o), "", func(path string, v reflect.Value) {
		if n++; v.IsZero() {
			t.Errorf("%s has no default", path)
		}
	})
	numbers(reflect.ValueOf(&set).Elem(), "", func(_ string, v reflect.Value) { v.Set(reflect.ValueOf(7).Convert(v.Type())) })
	set.Refresh = -time.Second
	was := set
	if set.EnsureDefaults(); !reflect.DeepEqual(set, was) || n < 12 {
		t.Errorf("%+v became %+v, of %d numbers", was, set, n)
	}
}
