package e5rt

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// DType is the element type of a port.
type DType uint8

// The element types that are proven at the host boundary.
const (
	FP16 DType = iota
	UInt8
)

// Size is the number of bytes of one element.
func (d DType) Size() int {
	if d == UInt8 {
		return 1
	}
	return 2
}

func (d DType) String() string { return [...]string{"fp16", "uint8"}[d] }

// PortSpec describes a port as the MIL file declares it. The library checks
// none of it: a wrong shape makes the device write past the buffer.
type PortSpec struct {
	Name  string
	Shape []int
	DType DType
}

// payload is the number of bytes of the packed, row-major tensor.
func (s PortSpec) payload() (int, error) {
	n := s.DType.Size()
	for _, d := range s.Shape {
		if d < 1 || n > math.MaxInt64/2/d {
			return 0, fmt.Errorf("e5rt: port %s: shape %v has no valid size", s.Name, s.Shape)
		}
		n *= d
	}
	return n, nil
}

// bufferAlign is the granule of a buffer, in bytes.
const bufferAlign = 64

// allocSize rounds a payload up to whole granules, at least one.
func allocSize(payload int) int {
	return max(bufferAlign, (payload+bufferAlign-1)/bufferAlign*bufferAlign)
}

// cpuVisible is the type of buffer that works for every port.
const cpuVisible = 0

// Port is an input or output of an operation, bound to a buffer.
type Port struct {
	spec   PortSpec
	op     *Operation
	output bool
	handle Handle
	buffer Handle
	view   []byte
	// source is the output that feeds this input and owns buffer; nil where
	// the port has a buffer of its own.
	source *Port
}

// Spec is the description that the port was made from.
func (p *Port) Spec() PortSpec { return p.spec }

// Bytes is the port's payload in place, packed and row-major. It stays valid
// until the operation that owns the buffer is closed, and is nil afterwards. An
// aliased input shows its source's bytes.
func (p *Port) Bytes() []byte {
	p.op.mu.Lock()
	view, source, closed := p.view, p.source, p.op.closed
	p.op.mu.Unlock()
	if closed || source != nil && source.Bytes() == nil {
		return nil
	}
	return view
}

// open retains the port, allocates a zeroed buffer for it and binds the two.
func (p *Port) open(refs *owned) error {
	l, c := p.op.l, &p.op.l.c
	payload, err := p.spec.payload()
	if err != nil {
		return err
	}
	if err := checkStrings(p.spec.Name); err != nil {
		return err
	}
	retain := c.operationRetainInput
	if p.output {
		retain = c.operationRetainOutput
	}
	name := "port " + p.spec.Name
	p.handle, err = l.create(StageBind, name, func(out *Handle) Status { return retain(p.op.handle, p.spec.Name, out) })
	if err != nil {
		return err
	}
	refs.push(p.handle, c.portRelease, name)
	size := allocSize(payload)
	p.buffer, err = l.create(StageBind, name, func(out *Handle) Status { return c.bufferAlloc(out, uint64(size), cpuVisible) })
	if err != nil {
		return err
	}
	refs.push(p.buffer, c.bufferRelease, "buffer of "+name)
	data := new(unsafe.Pointer)
	if err := l.do(StageBind, name, func() Status { return c.bufferData(p.buffer, data) }); err != nil {
		return err
	}
	if *data == nil {
		return &StatusError{Stage: StageBind, Object: name, Text: "the buffer has no memory"}
	}
	clear(unsafe.Slice((*byte)(*data), size))
	p.view = unsafe.Slice((*byte)(*data), payload)
	return l.do(StageBind, name, func() Status { return c.portBind(p.handle, p.buffer) })
}

// fits says whether the bytes of p mean the same through q.
func (p *Port) fits(q *Port) bool {
	return p.spec.DType == q.spec.DType && slices.Equal(p.spec.Shape, q.spec.Shape)
}
