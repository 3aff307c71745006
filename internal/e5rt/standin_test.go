package e5rt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// standin is a library of C function pointers that computes out = in + 1 on
// fp16 bit patterns, counts references and can be told to fail. Callbacks are
// never freed, so one set serves all tests of the process.
type standin struct {
	mu      sync.Mutex
	next    Handle
	live    map[Handle]string        // kind of each referenced object
	data    map[Handle][]uint64      // buffers
	bound   map[Handle]Handle        // port → buffer
	dir     map[Handle]string        // port → "input" or "output"
	ports   map[Handle][]Handle      // operation → ports
	encoded map[Handle][]Handle      // stream → operations
	log     []string                 // calls that succeeded, in order
	fail    map[string]Status        // symbol → status to return
	null    map[string]bool          // symbol → succeed without an object
	options map[string]any           // what setters were told
	text    string                   // last error text
	gate    chan struct{}            // executes wait here if set
	entered chan struct{}            // told of each execute that waits
	keep    *byte                    // the C string handed out last
	addr    map[string]uintptr       // callbacks by symbol
	absent  func(symbol string) bool // symbols to hide from lookups
}

var engine = &standin{}

// reset forgets all state but the callbacks.
func (s *standin) reset() {
	if s.addr == nil {
		s.addr = s.callbacks()
	}
	*s = standin{addr: s.addr, next: 1, live: map[Handle]string{}, data: map[Handle][]uint64{}, bound: map[Handle]Handle{},
		dir: map[Handle]string{}, ports: map[Handle][]Handle{}, encoded: map[Handle][]Handle{}, fail: map[string]Status{},
		null: map[string]bool{}, options: map[string]any{}, absent: func(string) bool { return false }}
}

func (s *standin) lookup(name string) (uintptr, error) {
	addr, ok := s.addr[name]
	if !ok || s.absent(name) {
		return 0, errors.New("no such symbol")
	}
	return addr, nil
}

// bind gives a fresh library over the reset stand-in; it never waits.
func bind(t testing.TB) *Lib {
	t.Helper()
	engine.reset()
	l, err := Bind(engine.lookup)
	require.NoError(t, err)
	l.Pace.Delay = NoDelay
	return l
}

// refuse records a failure text and returns st.
func (s *standin) refuse(name string, st Status) Status {
	s.text = fmt.Sprintf("stand-in refused %s", name)
	return st
}

// call runs body unless the symbol is told to fail.
func (s *standin) call(name string, body func() Status) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.fail[name]; st != 0 {
		return s.refuse(name, st)
	}
	st := body()
	if st == 0 {
		s.log = append(s.log, name)
	}
	return st
}

func (s *standin) make(name, kind string, out *Handle, also func(Handle)) Status {
	return s.call(name, func() Status {
		if s.null[name] {
			return 0
		}
		s.next++
		*out = s.next
		s.live[s.next] = kind
		if also != nil {
			also(s.next)
		}
		return 0
	})
}

func (s *standin) release(name, kind string, cell *Handle) Status {
	return s.call(name, func() Status {
		if s.live[*cell] != kind {
			return s.refuse(name+" of a "+s.live[*cell], 2)
		}
		delete(s.live, *cell)
		*cell = 0
		return 0
	})
}

func (s *standin) set(name string, value any) Status {
	return s.call(name, func() Status { s.options[name] = value; return 0 })
}

func (s *standin) port(name, dir string, op Handle, port *byte, out *Handle) Status {
	if strings.HasPrefix(cString(port), "no-") {
		return s.refuse(name, 1)
	}
	return s.make(name, "port", out, func(h Handle) {
		s.dir[h] = dir
		s.ports[op] = append(s.ports[op], h)
	})
}

func (s *standin) compile(path *byte, out *Handle) Status {
	const name = "e5rt_e5_compiler_compile"
	switch p := cString(path); {
	case strings.Contains(p, "abort"):
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Signal(syscall.SIGABRT)
		}
		time.Sleep(time.Minute) // the signal ends the process first
	case strings.Contains(p, "refused"):
		return s.refuse(name+": ANECCompile() FAILED", 11)
	}
	return s.make(name, "library", out, nil)
}

func (s *standin) encode(stream, op Handle) Status {
	return s.call("e5rt_execution_stream_encode_operation", func() Status {
		s.encoded[stream] = append(s.encoded[stream], op)
		return 0
	})
}

// execute adds 1 to each 16-bit word of input i into output i of every operation.
func (s *standin) execute(stream Handle) Status {
	if s.gate != nil {
		s.entered <- struct{}{}
		<-s.gate
	}
	return s.call("e5rt_execution_stream_execute_sync", func() Status {
		for _, op := range s.encoded[stream] {
			var in, out [][]uint64
			for _, p := range s.ports[op] {
				if s.dir[p] == "input" {
					in = append(in, s.data[s.bound[p]])
				} else {
					out = append(out, s.data[s.bound[p]])
				}
			}
			for i := range out {
				for j := range out[i] {
					out[i][j] = in[i][j] + 0x0001000100010001
				}
			}
		}
		return 0
	})
}

// callbacks makes the C functions. They reach the state through s, which reset
// refills in place.
func (s *standin) callbacks() map[string]uintptr {
	m := map[string]uintptr{}
	def := func(name string, fn any) { m["e5rt_"+name] = purego.NewCallback(fn) }
	maker := func(name, kind string) {
		def(name, func(out *Handle) Status { return s.make("e5rt_"+name, kind, out, nil) })
	}
	makerFrom := func(name, kind string) {
		def(name, func(out *Handle, from Handle) Status { return s.make("e5rt_"+name, kind, out, nil) })
	}
	releaser := func(name, kind string) {
		def(name, func(cell *Handle) Status { return s.release("e5rt_"+name, kind, cell) })
	}
	text := func(name string) {
		def(name, func(h Handle, p *byte) Status { return s.set("e5rt_"+name, cString(p)) })
	}
	number := func(name string) {
		def(name, func(h Handle, v uint64) Status { return s.set("e5rt_"+name, v) })
	}
	const precompiled = "precompiled_compute_op_create_options_"
	maker("e5_compiler_config_options_create", "config")
	releaser("e5_compiler_config_options_release", "config")
	text("e5_compiler_config_options_set_cache_bundle_location")
	makerFrom("e5_compiler_create_with_config", "compiler")
	releaser("e5_compiler_release", "compiler")
	def("e5_compiler_compile", func(c Handle, path *byte, o Handle, out *Handle) Status { return s.compile(path, out) })
	maker("e5_compiler_options_create", "options")
	releaser("e5_compiler_options_release", "options")
	number("e5_compiler_options_set_compute_device_types_mask")
	number("e5_compiler_options_set_force_recompilation")
	text("e5_compiler_options_set_segmenter")
	text("e5_compiler_options_set_custom_ane_compiler_options")
	number("e5_compiler_options_set_enable_profiling")
	releaser("program_library_release", "library")
	def("program_library_retain_program_function", func(lib Handle, name *byte, out *Handle) Status {
		return s.make("e5rt_program_library_retain_program_function", "function", out, nil)
	})
	releaser("program_function_release", "function")
	makerFrom(precompiled+"create_with_program_function", "op options")
	releaser(precompiled+"release", "op options")
	text(precompiled + "set_operation_name")
	number(precompiled + "set_allocate_intermediate_buffers")
	makerFrom("execution_stream_operation_create_precompiled_compute_operation_with_options", "operation")
	releaser("execution_stream_operation_release", "operation")
	def("execution_stream_operation_retain_input_port", func(op Handle, p *byte, out *Handle) Status {
		return s.port("e5rt_execution_stream_operation_retain_input_port", "input", op, p, out)
	})
	def("execution_stream_operation_retain_output_port", func(op Handle, p *byte, out *Handle) Status {
		return s.port("e5rt_execution_stream_operation_retain_output_port", "output", op, p, out)
	})
	def("io_port_bind_buffer_object", func(p, b Handle) Status {
		return s.call("e5rt_io_port_bind_buffer_object", func() Status { s.bound[p] = b; return 0 })
	})
	releaser("io_port_release", "port")
	def("buffer_object_alloc", func(out *Handle, n uint64, kind uint32) Status {
		return s.make("e5rt_buffer_object_alloc", "buffer", out, func(h Handle) {
			s.data[h] = make([]uint64, n/8)
			for i := range s.data[h] {
				s.data[h][i] = 0xdeaddeaddeaddead // the binding must zero it
			}
		})
	})
	def("buffer_object_get_data_ptr", func(b Handle, out *unsafe.Pointer) Status {
		return s.call("e5rt_buffer_object_get_data_ptr", func() Status {
			*out = unsafe.Pointer(unsafe.SliceData(s.data[b]))
			return 0
		})
	})
	releaser("buffer_object_release", "buffer")
	maker("execution_stream_create", "stream")
	releaser("execution_stream_release", "stream")
	def("execution_stream_encode_operation", s.encode)
	def("execution_stream_execute_sync", s.execute)
	def("get_last_error_message", func() *byte {
		s.keep = unsafe.SliceData(append([]byte(s.text), 0))
		return s.keep
	})
	return m
}

func word(b []byte, i int) uint16 { return binary.LittleEndian.Uint16(b[2*i:]) }
