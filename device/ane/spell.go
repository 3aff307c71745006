package ane

import (
	"fmt"

	"devicemap/device"
	"devicemap/internal/graph"
)

func (e *engine) spell(g *graph.Graph) (source, error) {
	return source{}, fmt.Errorf("no lowering yet: %w", device.ErrUnavailable)
}

func (e *engine) refused(program string, err error) error {
	return &RefusedError{e.config.Name, program, err}
}
