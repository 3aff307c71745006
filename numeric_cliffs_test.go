package devicemap

import (
	"errors"
	"fmt"
	"testing"

	"devicemap/corpus"
	"devicemap/device"
)

// cliffSearch is one search of the measurement E16.
type cliffSearch struct {
	key  string // of the benchmark's name
	find func(load corpus.Loader) (corpus.Cliff, error)
}

func cliffSearches() []cliffSearch {
	var list []cliffSearch
	for _, k := range corpus.MatmulLengths() {
		list = append(list, cliffSearch{fmt.Sprintf("cliff=matmul/K=%d", k), func(load corpus.Loader) (corpus.Cliff, error) {
			return corpus.MatmulCliff(load, k)
		}})
	}
	return append(list,
		cliffSearch{"cliff=slice", corpus.SliceCliff},
		cliffSearch{"cliff=reduce", func(load corpus.Loader) (corpus.Cliff, error) {
			c, _, err := corpus.ReduceCliff(load)
			return c, err
		}})
}

// BenchmarkNumericCliffs finds the magnitudes at which an engine's arithmetic
// goes wrong without a word (measurement E16): matmul outputs and cropped
// values that become infinite, integer sums that become inexact. last-right is
// the largest magnitude seen right, first-wrong the smallest seen wrong; an
// engine without the cliff reports neither. The time is that of one search.
func BenchmarkNumericCliffs(b *testing.B) {
	for _, s := range cliffSearches() {
		for _, e := range suite.engines {
			for _, d := range e.Info().DTypes {
				name := fmt.Sprintf("%s/device=%s/dtype=%s", s.key, e.Info().Name, d)
				b.Run(name, func(b *testing.B) { searchCliff(b, s, corpus.LoadOn(e, d)) })
			}
		}
	}
}

func searchCliff(b *testing.B, s cliffSearch, load corpus.Loader) {
	var c corpus.Cliff
	for b.Loop() {
		var err error
		if c, err = s.find(load); errors.Is(err, device.ErrRefused) {
			b.Skip(err)
		} else if err != nil {
			b.Fatal(err)
		}
	}
	if c.Found {
		b.ReportMetric(c.Last, "last-right")
		b.ReportMetric(c.First, "first-wrong")
	}
}
