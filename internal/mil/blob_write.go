package mil

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"devicemap/internal/fp16"
)

// MaxWeights bounds a weight file. Programs of 1.5 GB work and of 3.4 GB fail;
// the reference plans for less than 2 GB.
const MaxWeights = 2 << 30

// WeightError refuses values that a half cannot hold.
type WeightError struct {
	Name     string
	Count    int     // values that are or become Inf or NaN
	Max      float64 // largest finite magnitude
	Elements int
}

func (e *WeightError) Error() string {
	return fmt.Sprintf("mil: weights %s: %d of %d values are not finite as fp16, largest finite magnitude %g, limit %d; scale them down",
		e.Name, e.Count, e.Elements, e.Max, fp16.Max)
}

// SizeError refuses a weight file above [MaxWeights].
type SizeError struct{ Bytes uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("mil: weights of %d bytes exceed %d; split the model", e.Bytes, uint64(MaxWeights))
}

// BlobWriter lays out a weight file. Tensors are added first, which fixes
// their offsets; WriteTo encodes them in passing. Sources are kept, not
// copied, and must not change before that. The zero value is an empty file.
type BlobWriter struct {
	entries []blobEntry
	index   map[uint64]int // by offset of the descriptor
	end     uint64
}

type blobEntry struct {
	desc   Descriptor
	offset uint64
	write  func(w io.Writer, buf []byte) error // buf is scratch of chunkBytes
}

// chunkBytes is the scratch that a tensor is encoded through.
const chunkBytes = 128 << 10

func (b *BlobWriter) add(d Descriptor, write func(io.Writer, []byte) error) uint64 {
	if b.index == nil {
		b.index = map[uint64]int{}
	}
	at := alignBlob(max(b.end, blobAlign))
	b.index[at] = len(b.entries)
	b.entries = append(b.entries, blobEntry{d, at, write})
	b.end = at + blobAlign + d.Size
	return at
}

// Len is the number of tensors.
func (b *BlobWriter) Len() int { return len(b.entries) }

// Size is the length of the file in bytes.
func (b *BlobWriter) Size() uint64 { return alignBlob(max(b.end, blobAlign)) }

// Describe gives the entry at offset.
func (b *BlobWriter) Describe(offset uint64) (Descriptor, error) {
	i, ok := b.index[offset]
	if !ok {
		return Descriptor{}, fmt.Errorf("mil: no descriptor at %d", offset)
	}
	return b.entries[i].desc, nil
}

// FP16 adds v, rounded to halves when it is written, and returns the offset
// for a BLOBFILE. A value that is not finite as a half makes WriteTo return a
// [*WeightError].
func (b *BlobWriter) FP16(name string, v []float32) uint64 {
	return b.add(Descriptor{Code: BlobFP16, Size: 2 * uint64(len(v))}, func(w io.Writer, buf []byte) error {
		bad := false
		for part := range slices.Chunk(v, len(buf)/2) {
			enc := buf[:2*len(part)]
			fp16.EncodeLE(enc, part)
			bad = bad || nonFinite(enc)
			if _, err := w.Write(enc); err != nil {
				return err
			}
		}
		if bad {
			return weightError(name, v)
		}
		return nil
	})
}

// weightError counts what of v is not finite as a half.
func weightError(name string, v []float32) *WeightError {
	e := &WeightError{Name: name, Elements: len(v)}
	for _, x := range v {
		if a := math.Abs(float64(x)); !math.IsInf(a, 0) && a > e.Max {
			e.Max = a
		}
		if fp16.Bits(x)&0x7c00 == 0x7c00 {
			e.Count++
		}
	}
	return e
}

// nonFinite reports whether any half in b has an exponent of all ones. Four
// are tested at once: adding one to such an exponent carries into the sign.
func nonFinite(b []byte) bool {
	const exponents, ones = 0x7c007c007c007c00, 0x0400040004000400
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		carry |= binary.LittleEndian.Uint64(b)&exponents + ones
	}
	for i := 1; i < len(b); i += 2 {
		carry |= uint64(b[i]&0x7c+0x04) << 8
	}
	return carry&0x8000800080008000 != 0
}

// Int8 adds q.
func (b *BlobWriter) Int8(q []int8) uint64 {
	return b.add(Descriptor{Code: BlobInt8, Size: uint64(len(q))}, func(w io.Writer, buf []byte) error {
		for part := range slices.Chunk(q, len(buf)) {
			for i, v := range part {
				buf[i] = byte(v)
			}
			if _, err := w.Write(buf[:len(part)]); err != nil {
				return err
			}
		}
		return nil
	})
}

// UInt4 adds palette indices, one per element, each below 16; the upper bits
// are dropped.
func (b *BlobWriter) UInt4(idx []uint8) uint64 {
	return b.bits(BlobUInt4, 4, len(idx), func(i int) uint8 { return idx[i] & 0x0f })
}

// Mask adds the set of non-zeros of v as a bit per element. Zero is what
// rounds to zero as a half.
func (b *BlobWriter) Mask(v []float32) uint64 {
	return b.bits(BlobUInt1, 1, len(v), func(i int) uint8 {
		if isNonZero(v[i]) {
			return 1
		}
		return 0
	})
}

// NonZeros adds the values behind the bits of [BlobWriter.Mask] in row-major
// order and returns how many there are.
func (b *BlobWriter) NonZeros(name string, v []float32) (offset uint64, n int) {
	for _, x := range v {
		if isNonZero(x) {
			n++
		}
	}
	dense := make([]float32, 0, n)
	for _, x := range v {
		if isNonZero(x) {
			dense = append(dense, x)
		}
	}
	return b.FP16(name, dense), n
}

func isNonZero(x float32) bool { return fp16.Bits(x)&0x7fff != 0 }

// bits adds n elements of the given width, packed from the low bits up.
func (b *BlobWriter) bits(code BlobCode, width, n int, at func(int) uint8) uint64 {
	per := 8 / width
	d := Descriptor{Code: code, Size: uint64((n + per - 1) / per)}
	d.PadBits = 8*d.Size - uint64(width*n)
	return b.add(d, func(w io.Writer, buf []byte) error {
		for i := 0; i < n; {
			k := 0
			for ; k < len(buf) && i < n; k++ {
				buf[k] = 0
				for shift := 0; shift < 8 && i < n; shift += width {
					buf[k] |= at(i) << shift
					i++
				}
			}
			if _, err := w.Write(buf[:k]); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteTo streams the file: header, descriptors, data and zeros between them.
// It needs one small buffer whatever the size of the weights.
func (b *BlobWriter) WriteTo(w io.Writer) (int64, error) {
	if size := b.Size(); size > MaxWeights {
		return 0, &SizeError{size}
	}
	c := &counter{w: w}
	header := make([]byte, blobAlign)
	binary.LittleEndian.PutUint32(header, uint32(len(b.entries)))
	binary.LittleEndian.PutUint32(header[4:], blobVersion)
	if _, err := c.Write(header); err != nil {
		return c.n, err
	}
	buf := make([]byte, chunkBytes)
	zeros := make([]byte, blobAlign)
	for _, e := range b.entries {
		if _, err := c.Write(e.desc.encode(e.offset)); err != nil {
			return c.n, err
		}
		if err := e.write(c, buf); err != nil {
			return c.n, err
		}
		if _, err := c.Write(zeros[:alignBlob(uint64(c.n))-uint64(c.n)]); err != nil {
			return c.n, err
		}
	}
	return c.n, nil
}

// counter counts the bytes that reached w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
