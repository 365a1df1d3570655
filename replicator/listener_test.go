package replicator

import (
	"reflect"
	"slices"
	"testing"
)

// Each of several listeners is told of everything, in order, and of nothing else.
func TestTeeForwardsEverything(t *testing.T) {
	var told []int
	for i := range reflect.TypeFor[Listener]().NumField() {
		var l [2]Listener
		for n := range l {
			f := reflect.ValueOf(&l[n]).Elem().Field(i)
			f.Set(reflect.MakeFunc(f.Type(), func([]reflect.Value) []reflect.Value {
				told = append(told, n)
				return nil
			}))
		}
		told = nil
		tee := reflect.ValueOf(Tee(l[0], Listener{}, l[1]))
		for j := range tee.NumField() {
			f := tee.Field(j)
			if f.IsNil() != (i != j) {
				t.Errorf("of listeners with %s only, %s is there: %v", tee.Type().Field(i).Name, tee.Type().Field(j).Name, !f.IsNil())
			} else if i == j {
				f.Call([]reflect.Value{reflect.Zero(f.Type().In(0))})
			}
		}
		if !slices.Equal(told, []int{0, 1}) {
			t.Errorf("%s was told to %v", tee.Type().Field(i).Name, told)
		}
	}
}
