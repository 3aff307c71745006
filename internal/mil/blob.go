package mil

import (
	"encoding/binary"
	"fmt"
)

// The weight file, all integers little-endian:
//
//	0    ┌──────────────────────────────────────────────────┐
//	     │ entries u32 │ version u32 = 2 │ zeros            │ header, 64 bytes
//	64   ├──────────────────────────────────────────────────┤ ◀ BLOBFILE offset
//	     │ magic u32 │ code u32 │ size u64 │ data u64 │     │ descriptor, 64 bytes
//	     │ unused bits u64 │ zeros                          │
//	128  ├──────────────────────────────────────────────────┤ = descriptor + 64
//	     │ data, size bytes, row-major                      │
//	     │ zeros up to a multiple of 64                     │
//	     ├──────────────────────────────────────────────────┤
//	     │ next descriptor …                                │
//
// size is exact. The unused bits are those of the last byte of sub-byte data.
// Element i of uint4 data is the low nibble of byte i/2 if i is even, else the
// high one; element i of uint1 data is bit i mod 8 of byte i/8.
//
// Source: version 2 of the storage format of Apple's MILBlob (coremltools).
const (
	blobAlign   = 64
	blobVersion = 2
	blobMagic   = 0xdeadbeef
)

// BlobCode is the element type in a descriptor.
type BlobCode uint32

// The codes that the route uses; MILBlob knows more.
const (
	BlobFP16  BlobCode = 1
	BlobInt8  BlobCode = 4
	BlobUInt1 BlobCode = 9
	BlobUInt4 BlobCode = 11
)

func (c BlobCode) String() string {
	switch c {
	case BlobFP16:
		return "fp16"
	case BlobInt8:
		return "int8"
	case BlobUInt1:
		return "uint1"
	case BlobUInt4:
		return "uint4"
	}
	return fmt.Sprintf("code %d", uint32(c))
}

// Descriptor is what the file says of one tensor.
type Descriptor struct {
	Code    BlobCode
	Size    uint64 // of the data, in bytes
	PadBits uint64 // unused at the end of the last byte
}

// encode writes the descriptor that stands at offset at.
func (d Descriptor) encode(at uint64) []byte {
	b := make([]byte, blobAlign)
	le := binary.LittleEndian
	le.PutUint32(b, blobMagic)
	le.PutUint32(b[4:], uint32(d.Code))
	le.PutUint64(b[8:], d.Size)
	le.PutUint64(b[16:], at+blobAlign)
	le.PutUint64(b[24:], d.PadBits)
	return b
}

func alignBlob(n uint64) uint64 { return (n + blobAlign - 1) / blobAlign * blobAlign }
