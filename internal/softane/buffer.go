package softane

import "unsafe"

// buffer is memory that the caller sees through a raw pointer. The collector
// does not move it, and the handle table keeps it alive.
type buffer struct{ data []byte }

const (
	maxBufferType  = 2
	maxBufferBytes = 8 << 30
	bufferAlign    = 64
)

func (e *Engine) allocBuffer(out *handle, bytes uint64, kind uint32) *refusal {
	switch {
	case kind > maxBufferType:
		return refuse(badType, "Invalid BufferType @ AllocMemory")
	case bytes == 0:
		return refuse(badArgument, "Invalid Function Argument: a buffer of 0 bytes")
	case bytes > maxBufferBytes:
		return refuse(noMemory, "a buffer of %d bytes exceeds the software engine's %d", bytes, uint64(maxBufferBytes))
	}
	raw := make([]byte, bytes+bufferAlign)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (bufferAlign - 1)
	return e.add(Buffer, &buffer{raw[skip : skip+int(bytes) : skip+int(bytes)]}, out)
}

func (e *Engine) bufferData(h handle, out *unsafe.Pointer) *refusal {
	b, bad := lookup[*buffer](&e.handles, Buffer, h)
	if bad != nil {
		return bad
	}
	if out == nil {
		return refuse(badArgument, "Invalid Function Argument: result cell of the data pointer is NULL")
	}
	*out = unsafe.Pointer(unsafe.SliceData(b.data))
	return nil
}
