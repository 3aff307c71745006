package mil

import (
	"encoding/binary"
	"fmt"
)

// Blob is a weight file in memory. Its tensors alias the file.
type Blob struct {
	file  []byte
	count uint32
}

// OpenBlob checks the header of a file. The entries are checked when they are
// read.
func OpenBlob(file []byte) (*Blob, error) {
	if len(file) < blobAlign {
		return nil, fmt.Errorf("mil: weight file of %d bytes has no header of %d", len(file), blobAlign)
	}
	le := binary.LittleEndian
	if v := le.Uint32(file[4:]); v != blobVersion {
		return nil, fmt.Errorf("mil: weight file has version %d, want %d", v, blobVersion)
	}
	n := le.Uint32(file)
	if room := uint64(len(file)-blobAlign) / blobAlign; uint64(n) > room {
		return nil, fmt.Errorf("mil: weight file of %d bytes claims %d entries; it has room for %d", len(file), n, room)
	}
	return &Blob{file, n}, nil
}

// Len is the number of entries that the header claims.
func (b *Blob) Len() int { return int(b.count) }

// Describe reads the descriptor at offset.
func (b *Blob) Describe(offset uint64) (Descriptor, error) {
	d, _, err := b.Entry(offset)
	return d, err
}

// Entry reads the descriptor at offset and the data behind it, which aliases
// the file.
func (b *Blob) Entry(offset uint64) (Descriptor, []byte, error) {
	size := uint64(len(b.file))
	if offset < blobAlign || offset > size || size-offset < blobAlign {
		return Descriptor{}, nil, fmt.Errorf("mil: descriptor at %d outside the entries of a weight file of %d bytes", offset, size)
	}
	le := binary.LittleEndian
	at := b.file[offset:]
	if m := le.Uint32(at); m != blobMagic {
		return Descriptor{}, nil, fmt.Errorf("mil: no descriptor at %d: magic %#x, want %#x", offset, m, uint32(blobMagic))
	}
	d := Descriptor{BlobCode(le.Uint32(at[4:])), le.Uint64(at[8:]), le.Uint64(at[24:])}
	data := le.Uint64(at[16:])
	if data-offset != blobAlign { // data ≥ offset+64, and the room behind it is known
		return Descriptor{}, nil, fmt.Errorf("mil: descriptor at %d has its data at %d, want %d", offset, data, offset+blobAlign)
	}
	if d.Size > size-data {
		return Descriptor{}, nil, fmt.Errorf("mil: data [%d, +%d) outside a weight file of %d bytes", data, d.Size, size)
	}
	if d.PadBits > 7 || d.PadBits > 0 && d.Size == 0 {
		return Descriptor{}, nil, fmt.Errorf("mil: descriptor at %d claims %d unused bits in the last byte", offset, d.PadBits)
	}
	return d, b.file[data : data+d.Size : data+d.Size], nil
}

// Offsets walks the entries and returns where their descriptors stand. Files
// without padding between the entries are read too: the reference writes them.
func (b *Blob) Offsets() ([]uint64, error) {
	var out []uint64
	at := uint64(blobAlign)
	for range b.count {
		d, _, err := b.Entry(at)
		if err != nil {
			return nil, fmt.Errorf("entry %d of %d: %w", len(out), b.count, err)
		}
		out = append(out, at)
		end := at + blobAlign + d.Size
		at = end
		if _, _, err := b.Entry(at); err != nil {
			at = alignBlob(end)
		}
	}
	return out, nil
}
