// Package accelerate binds the parts of Apple's Accelerate framework that the
// CPU engine computes with: sgemm, vDSP, vForce and BNNS, without cgo.
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup; [Load] opens the framework. Package standin exports the same table
// as callbacks, so that everything above the lookup runs on any host. Source of
// names, layouts and orders: the framework's headers. Nothing here ran on a
// Mac.
//
// # Calls
//
// A call whose arguments are integers and pointers allocates nothing. Two have
// floats among their arguments, which costs a few small allocations each:
// cblas_sgemm, used where the Fortran entry is absent, and BNNSMatMul.
//
// Every wrapper checks lengths in Go before it calls. A result may be the very
// same memory as an operand of an elementwise call; any other overlap is the
// caller's mistake.
package accelerate

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no usable Accelerate. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("accelerate: not available")

// Lookup returns the address of a symbol.
type Lookup func(name string) (uintptr, error)

// Func is a bound function.
type Func uint8

// Symbol is the C signature of a function. Letters of Args and Result: p
// pointer, i int32, u uint32, I int64, N uint64, f float, b bool; an empty
// Result is void.
type Symbol struct {
	Name, Args, Result string
	// Swapped: of two operands the second one comes first.
	Swapped bool
}

// The functions, with the operands of [Lib.Zip] in mathematical order.
const (
	FortranSgemm64 Func = iota // column-major; all arguments by reference
	Sgemm64                    // int64 sizes
	Sgemm32New                 // int32 sizes
	Sgemm32                    // int32 sizes, deprecated since macOS 13.3
	SetThreading               // 0 many threads, 1 one; of the calling thread; macOS 15
	SetQoS

	VAdd
	VSub
	VMul
	VDiv
	VMax
	VMin
	Pow

	AddScalar // x + a
	MulScalar // x · a
	Affine    // x · a + b
	Clip      // min(max(x, a), b)
	Threshold // x ≥ a ? x : a
	Keep      // x ≥ a ? x : 0

	Abs
	Neg
	Square

	Exp
	Exp2
	Log
	Sqrt
	Rsqrt
	Reciprocal
	Sin
	Cos
	Tanh
	Atan
	Nearest
	Floor
	Ceil

	Sum
	SumSquares
	SumAbs
	Max
	Min

	CreateConvolution
	ApplyBatch
	DestroyFilter
	MatMul
	MatMulWorkspace

	funcs // their number
)

const (
	zipVDSP    = "pIpIpIN" // A, stride, B, stride, C, stride, count
	mapVDSP    = "pIpIN"
	scalarVDSP = "pIppIN" // A, stride, scalar, C, stride, count
	pairVDSP   = "pIpppIN"
	foldVDSP   = "pIpN"
	mapForce   = "ppp" // y, x, address of an int32 count
	zipForce   = "pppp"
)

var symbols = [funcs]Symbol{
	FortranSgemm64: {Name: "sgemm$NEWLAPACK$ILP64", Args: "ppppppppppppp"},
	Sgemm64:        {Name: "cblas_sgemm$NEWLAPACK$ILP64", Args: "iiiIIIfpIpIfpI"},
	Sgemm32New:     {Name: "cblas_sgemm$NEWLAPACK", Args: "iiiiiifpipifpi"},
	Sgemm32:        {Name: "cblas_sgemm", Args: "iiiiiifpipifpi"},
	SetThreading:   {Name: "BLASSetThreading", Args: "u", Result: "i"},
	SetQoS:         {Name: "pthread_set_qos_class_self_np", Args: "ui", Result: "i"},

	VAdd: {Name: "vDSP_vadd", Args: zipVDSP},
	VSub: {Name: "vDSP_vsub", Args: zipVDSP, Swapped: true}, // subtrahend first
	VMul: {Name: "vDSP_vmul", Args: zipVDSP},
	VDiv: {Name: "vDSP_vdiv", Args: zipVDSP, Swapped: true}, // divisor first
	VMax: {Name: "vDSP_vmax", Args: zipVDSP},
	VMin: {Name: "vDSP_vmin", Args: zipVDSP},
	Pow:  {Name: "vvpowf", Args: zipForce, Swapped: true}, // exponent first

	AddScalar: {Name: "vDSP_vsadd", Args: scalarVDSP},
	MulScalar: {Name: "vDSP_vsmul", Args: scalarVDSP},
	Affine:    {Name: "vDSP_vsmsa", Args: pairVDSP},
	Clip:      {Name: "vDSP_vclip", Args: pairVDSP},
	Threshold: {Name: "vDSP_vthr", Args: scalarVDSP},
	Keep:      {Name: "vDSP_vthres", Args: scalarVDSP},

	Abs:    {Name: "vDSP_vabs", Args: mapVDSP},
	Neg:    {Name: "vDSP_vneg", Args: mapVDSP},
	Square: {Name: "vDSP_vsq", Args: mapVDSP},

	Exp:        {Name: "vvexpf", Args: mapForce},
	Exp2:       {Name: "vvexp2f", Args: mapForce},
	Log:        {Name: "vvlogf", Args: mapForce},
	Sqrt:       {Name: "vvsqrtf", Args: mapForce},
	Rsqrt:      {Name: "vvrsqrtf", Args: mapForce},
	Reciprocal: {Name: "vvrecf", Args: mapForce},
	Sin:        {Name: "vvsinf", Args: mapForce},
	Cos:        {Name: "vvcosf", Args: mapForce},
	Tanh:       {Name: "vvtanhf", Args: mapForce},
	Atan:       {Name: "vvatanf", Args: mapForce},
	Nearest:    {Name: "vvnintf", Args: mapForce},
	Floor:      {Name: "vvfloorf", Args: mapForce},
	Ceil:       {Name: "vvceilf", Args: mapForce},

	Sum:        {Name: "vDSP_sve", Args: foldVDSP},
	SumSquares: {Name: "vDSP_svesq", Args: foldVDSP},
	SumAbs:     {Name: "vDSP_svemg", Args: foldVDSP},
	Max:        {Name: "vDSP_maxv", Args: foldVDSP},
	Min:        {Name: "vDSP_minv", Args: foldVDSP},

	CreateConvolution: {Name: "BNNSFilterCreateLayerConvolution", Args: "pp", Result: "p"},
	ApplyBatch:        {Name: "BNNSFilterApplyBatch", Args: "pNpNpN", Result: "i"},
	DestroyFilter:     {Name: "BNNSFilterDestroy", Args: "p"},
	MatMul:            {Name: "BNNSMatMul", Args: "bbfppppp", Result: "i"},
	MatMulWorkspace:   {Name: "BNNSMatMulWorkspaceSize", Args: "bbfpppp", Result: "I"},
}

// Symbols lists the functions that [Bind] looks up.
func Symbols() []Symbol { return symbols[:] }

func (f Func) String() string { return symbols[f].Name }

// Lib is a bound library, safe for concurrent use but for DropGemm.
type Lib struct {
	addr  [funcs]uintptr
	gemms []Func // those that exist, in order of preference
	cblas struct {
		long  func(order, ta, tb int32, m, n, k int64, alpha float32, a *float32, lda int64, b *float32, ldb int64, beta float32, c *float32, ldc int64)
		short func(order, ta, tb, m, n, k int32, alpha float32, a *float32, lda int32, b *float32, ldb int32, beta float32, c *float32, ldc int32)
	}
	matMul    func(ta, tb bool, alpha float32, a, b, c, workspace, params unsafe.Pointer) int32
	workspace func(ta, tb bool, alpha float32, a, b, c, params unsafe.Pointer) int64
	cells     sync.Pool // *cell
}

// cell is the memory of one call: its arguments, which would be allocated
// anew otherwise, and what it takes or gives by reference.
type cell struct {
	args  [13]uintptr
	held  [3]unsafe.Pointer // operands: alive and in place during the call
	count int32
	value float32
}

// hold gives operand i as an argument.
func (c *cell) hold(i int, p unsafe.Pointer) uintptr {
	c.held[i] = p
	return uintptr(p)
}

func (c *cell) call(fn uintptr, args ...uintptr) uintptr {
	n := copy(c.args[:], args)
	r, _, _ := purego.SyscallN(fn, c.args[:n]...)
	return r
}

func (l *Lib) take() *cell { return l.cells.Get().(*cell) }

func (l *Lib) give(c *cell) {
	c.held = [3]unsafe.Pointer{}
	l.cells.Put(c)
}

// Bind fills a Lib through lookup. Only a sgemm is required: what else this
// system lacks is nil or refused where it is asked for.
func Bind(lookup Lookup) (*Lib, error) {
	l := &Lib{cells: sync.Pool{New: func() any { return new(cell) }}}
	for f, s := range symbols {
		if addr, err := lookup(s.Name); err == nil {
			l.addr[f] = addr
		}
	}
	for f := FortranSgemm64; f <= Sgemm32; f++ {
		if l.Has(f) {
			l.gemms = append(l.gemms, f)
		}
	}
	if l.gemms == nil {
		return nil, fmt.Errorf("%w: the library lacks %s", ErrUnavailable, symbols[Sgemm32].Name)
	}
	l.bindGemm()
	if l.Has(MatMul) && l.Has(MatMulWorkspace) {
		purego.RegisterFunc(&l.matMul, l.addr[MatMul])
		purego.RegisterFunc(&l.workspace, l.addr[MatMulWorkspace])
	}
	return l, nil
}

// Has reports whether this system exports f.
func (l *Lib) Has(f Func) bool { return l.addr[f] != 0 }

// at is the address of a slice's first value.
func at[T any](x []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(x)) }

// SingleThread makes BLAS calls of this OS thread use one thread or all. It
// reports whether the system took it: it exists since macOS 15.
func (l *Lib) SingleThread(one bool) bool {
	mode := uintptr(0)
	if one {
		mode = 1
	}
	return l.try(SetThreading, mode)
}

// userInitiated is QOS_CLASS_USER_INITIATED: the fast cores.
const userInitiated = 0x19

// Prefer asks the scheduler to run this OS thread on the fast cores; it
// reports whether that was granted.
func (l *Lib) Prefer() bool { return l.try(SetQoS, userInitiated, 0) }

// try calls an optional function of numbers and reports whether it took them.
func (l *Lib) try(f Func, args ...uintptr) bool {
	if !l.Has(f) {
		return false
	}
	st, _, _ := purego.SyscallN(l.addr[f], args...)
	return int32(st) == 0
}
