package main

import (
	"testing"
	"time"
)

// tokens reads 12 as keys that must be heard, ?* as one that may be and !5 as one of a code that ran.
func tokens(text string) (list []token) {
	kind := must
	for _, key := range []byte(text) {
		switch key {
		case '?':
			kind = may
		case '!':
			kind = leak
		default:
			list = append(list, token{key, kind})
			kind = must
		}
	}
	return list
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		want, heard string
		faults      faults
	}{
		{"1234", "1234", faults{where: -1}},
		{"1234", "134", faults{lost: 1, where: 1}},
		{"1234", "12234", faults{doubled: 1}},
		{"1234", "1324", faults{reordered: 1}},
		{"1234", "12734", faults{foreign: 1}},
		{"1*!52", "1*2", faults{where: -1}},
		{"1*!52", "1*52", faults{leaked: 1, where: -1}},
		{"1*!52", "12", faults{lost: 1}},
		{"1?*!52", "12", faults{where: -1}},
		{"1?*!52", "1*2", faults{where: -1}},
		{"", "7", faults{foreign: 1}},
		{"77", "", faults{lost: 2}},
	} {
		got := compare(tokens(tt.want), tt.heard)
		if got.none() != (got.where < 0) {
			t.Errorf("%s heard as %s: %+v names a place for no fault, or none for one", tt.want, tt.heard, got)
		}
		got.where, tt.faults.where = 0, 0
		if got != tt.faults {
			t.Errorf("%s heard as %s: %+v, want %+v", tt.want, tt.heard, got, tt.faults)
		}
	}
}

func TestQuantile(t *testing.T) {
	var all times
	for n := range 100 {
		all = append(all, time.Duration(100-n))
	}
	if all.median() != 50 || all.quantile(0.99) != 99 || all.quantile(1) != 100 || (times{}).median() != 0 {
		t.Error(all.median(), all.quantile(0.99), all.quantile(1))
	}
}
