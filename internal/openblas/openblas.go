// Package openblas calls the float32 matrix product of an installed OpenBLAS
// without cgo.
//
// # Calls
//
// The Fortran symbol takes pointers only, so a call is prepared once, with all
// its cells, and made any number of times without allocation:
//
//	sgemm_(char *transa, char *transb, int *m, int *n, int *k, float *alpha,
//	       float *a, int *lda, float *b, int *ldb, float *beta, float *c,
//	       int *ldc, size_t length of transa, size_t length of transb)
//
// The library has no status: a bad argument is a text on its standard error.
// [Lib.Prepare] checks every size against its slice before.
//
// # Integer width
//
// Builds take int32 or int64, and Debian's 64-bit build has the plain names.
// Integer cells are int64 here and sizes stay below 2^31, so that on a
// little-endian machine either width reads the right value.
//
// # Threads
//
// The library is set to one thread for the whole process, and its callers
// bring their own. That is safe in builds with threads of any kind; a build
// without them has no locks around its buffers and takes one call at a time
// ([Lib.Serial]). A worker of the library's own would spin for 2^28 clock
// ticks after each call, 0.1 s of power; OPENBLAS_THREAD_TIMEOUT=4 is set
// before loading, unless it is set already, in case something starts one.
//
// Source: interface/gemm.c and cblas.h of OpenBLAS.
package openblas

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no usable OpenBLAS. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("not available")

// Lookup returns the address of a symbol.
type Lookup func(name string) (uintptr, error)

// Lib is a loaded library, set to one thread.
type Lib struct {
	Config string // as the library describes its build: "OpenBLAS 0.3.21 …"
	Core   string // the processor that its kernels are for: "SkylakeX"
	Serial bool   // one call at a time

	sgemm uintptr
}

// suffixes are what builds append to their names: nothing, or the mark of
// 64-bit integers.
var suffixes = []string{"", "64_"}

// parallel is the result of openblas_get_parallel.
const parallelNone = 0

// Bind resolves the library's symbols through lookup, names the missing ones,
// and sets it to one thread. file names the library in errors.
func Bind(file string, lookup Lookup) (*Lib, error) {
	var l Lib
	var config, core func() string
	var parallel, threads func() int32
	var setThreads func(n int32)
	symbols := []struct {
		name string
		bind func(addr uintptr)
	}{
		{"sgemm_", func(addr uintptr) { l.sgemm = addr }},
		{"openblas_get_config", func(addr uintptr) { purego.RegisterFunc(&config, addr) }},
		{"openblas_get_corename", func(addr uintptr) { purego.RegisterFunc(&core, addr) }},
		{"openblas_get_parallel", func(addr uintptr) { purego.RegisterFunc(&parallel, addr) }},
		{"openblas_get_num_threads", func(addr uintptr) { purego.RegisterFunc(&threads, addr) }},
		{"openblas_set_num_threads", func(addr uintptr) { purego.RegisterFunc(&setThreads, addr) }},
	}
	var missing []string
	for _, s := range symbols {
		found := false
		for _, suffix := range suffixes {
			if addr, err := lookup(s.name + suffix); err == nil && addr != 0 && !found {
				s.bind(addr)
				found = true
			}
		}
		if !found {
			missing = append(missing, s.name)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: %s lacks %s; install OpenBLAS 0.3 or later", ErrUnavailable, file, strings.Join(missing, ", "))
	}
	setThreads(1)
	if n := threads(); n != 1 {
		return nil, fmt.Errorf("%w: %s stays at %d threads when set to 1", ErrUnavailable, file, n)
	}
	l.Config, l.Core = strings.Join(strings.Fields(config()), " "), core()
	l.Serial = parallel() == parallelNone
	return &l, nil
}

// Version is the name and number that head Config.
func (l *Lib) Version() string {
	words := strings.Fields(l.Config)
	return strings.Join(words[:min(2, len(words))], " ")
}

// Product is c = a·b, or c += a·b with Add, over row-major matrices: A [M, K]
// or with ATrans [K, M], B [K, N] or with BTrans [N, K], C [M, N]. The leading
// dimensions are the steps between rows as stored, in elements.
type Product struct {
	M, N, K        int
	A, B, C        []float32
	LDA, LDB, LDC  int
	ATrans, BTrans bool
	Add            bool
}

// Call is a prepared product. It keeps its operands alive, is used by one
// goroutine at a time and allocates nothing.
type Call struct {
	sgemm uintptr
	args  [15]uintptr
	cells struct {
		m, n, k, lda, ldb, ldc int64
		alpha, beta            float32
		ta, tb                 byte
	}
	product Product
}

// Prepare checks p and fixes its arguments. The library is column-major: it
// computes cᵀ = bᵀ·aᵀ over the same memory.
func (l *Lib) Prepare(p Product) (*Call, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := &Call{sgemm: l.sgemm, product: p}
	c.cells.m, c.cells.n, c.cells.k = int64(p.N), int64(p.M), int64(p.K)
	c.cells.lda, c.cells.ldb, c.cells.ldc = int64(p.LDB), int64(p.LDA), int64(p.LDC)
	c.cells.alpha, c.cells.ta, c.cells.tb = 1, letter(p.BTrans), letter(p.ATrans)
	if p.Add {
		c.cells.beta = 1
	}
	for i, at := range []unsafe.Pointer{
		unsafe.Pointer(&c.cells.ta), unsafe.Pointer(&c.cells.tb),
		unsafe.Pointer(&c.cells.m), unsafe.Pointer(&c.cells.n), unsafe.Pointer(&c.cells.k),
		unsafe.Pointer(&c.cells.alpha), unsafe.Pointer(&p.B[0]), unsafe.Pointer(&c.cells.lda),
		unsafe.Pointer(&p.A[0]), unsafe.Pointer(&c.cells.ldb),
		unsafe.Pointer(&c.cells.beta), unsafe.Pointer(&p.C[0]), unsafe.Pointer(&c.cells.ldc),
	} {
		c.args[i] = uintptr(at) // heap objects do not move, and c holds them all
	}
	c.args[13], c.args[14] = 1, 1
	return c, nil
}

func letter(trans bool) byte {
	if trans {
		return 'T'
	}
	return 'N'
}

// Do computes the product.
func (c *Call) Do() { purego.SyscallN(c.sgemm, c.args[:]...) }

// check holds p to what the library trusts.
func (p *Product) check() error {
	for _, m := range []struct {
		name      string
		rows, row int // as stored
		ld        int
		data      []float32
	}{
		{"a", pick(p.ATrans, p.K, p.M), pick(p.ATrans, p.M, p.K), p.LDA, p.A},
		{"b", pick(p.BTrans, p.N, p.K), pick(p.BTrans, p.K, p.N), p.LDB, p.B},
		{"c", p.M, p.N, p.LDC, p.C},
	} {
		switch {
		case m.rows < 1 || m.row < 1 || m.rows > math.MaxInt32 || m.ld > math.MaxInt32:
			return fmt.Errorf("openblas: %s is %d×%d with rows %d apart: want 1 to %d each", m.name, m.rows, m.row, m.ld, math.MaxInt32)
		case m.ld < m.row:
			return fmt.Errorf("openblas: %s has rows of %d values, %d apart", m.name, m.row, m.ld)
		case len(m.data) < m.row || (len(m.data)-m.row)/m.ld < m.rows-1:
			return fmt.Errorf("openblas: %s holds %d values; %d rows of %d, %d apart, need more", m.name, len(m.data), m.rows, m.row, m.ld)
		}
	}
	return nil
}

func pick(cond bool, yes, no int) int {
	if cond {
		return yes
	}
	return no
}
