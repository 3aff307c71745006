package e5rt

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	MaybeChild(func() (*Lib, error) {
		engine.reset()
		return Bind(engine.lookup)
	})
	os.Exit(m.Run())
}

func spec(path string) Spec {
	return Spec{Path: path, CacheDir: "cache",
		Inputs:  []PortSpec{{Name: "inp", Shape: []int{2, 48}}},
		Outputs: []PortSpec{{Name: "res", Shape: []int{2, 48}}}}
}

func open(t testing.TB, l *Lib) *Program {
	t.Helper()
	p, err := l.Open(spec("model.mil"))
	require.NoError(t, err)
	return p
}

func TestBindNamesEveryMissingSymbol(t *testing.T) {
	engine.reset()
	engine.absent = func(name string) bool {
		return name == "e5rt_io_port_release" || name == "e5rt_execution_stream_execute_sync" || name == "e5rt_get_last_error_message"
	}
	_, err := Bind(engine.lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	for _, name := range []string{"e5rt_io_port_release", "e5rt_execution_stream_execute_sync"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "last_error", "an optional symbol is not missed")
}

func TestSymbolCounts(t *testing.T) {
	required := 0
	for _, s := range Symbols() {
		if !s.Optional {
			required++
		}
	}
	require.Equal(t, 31, required, "required symbols of the documented set")
}

func TestLoadElsewhere(t *testing.T) {
	l, err := Load()
	if err == nil {
		require.NotNil(t, l)
		t.Skip("this host has the library")
	}
	require.ErrorIs(t, err, ErrUnavailable)
}

// TestSequence holds the order of calls to the documented one.
func TestSequence(t *testing.T) {
	l := bind(t)
	p := open(t, l)
	require.NoError(t, p.Execute())
	require.NoError(t, p.Close())
	want := strings.Fields(`
		e5_compiler_config_options_create e5_compiler_config_options_set_cache_bundle_location
		e5_compiler_create_with_config e5_compiler_options_create e5_compiler_options_set_compute_device_types_mask
		e5_compiler_options_set_force_recompilation e5_compiler_options_set_segmenter e5_compiler_compile
		program_library_retain_program_function
		precompiled_compute_op_create_options_create_with_program_function
		precompiled_compute_op_create_options_set_operation_name
		precompiled_compute_op_create_options_set_allocate_intermediate_buffers
		execution_stream_operation_create_precompiled_compute_operation_with_options
		e5_compiler_options_release e5_compiler_release e5_compiler_config_options_release
		execution_stream_operation_retain_input_port buffer_object_alloc buffer_object_get_data_ptr io_port_bind_buffer_object
		execution_stream_operation_retain_output_port buffer_object_alloc buffer_object_get_data_ptr io_port_bind_buffer_object
		execution_stream_create execution_stream_encode_operation execution_stream_execute_sync
		execution_stream_release buffer_object_release io_port_release buffer_object_release io_port_release
		execution_stream_operation_release precompiled_compute_op_create_options_release
		program_function_release program_library_release`)
	var got []string
	for _, name := range engine.log {
		got = append(got, strings.TrimPrefix(name, "e5rt_"))
	}
	require.Equal(t, want, got)
	require.Empty(t, engine.live, "references left")
	for name, want := range map[string]any{
		"e5rt_e5_compiler_options_set_compute_device_types_mask":                       uint64(4),
		"e5rt_e5_compiler_options_set_force_recompilation":                             uint64(0),
		"e5rt_e5_compiler_options_set_segmenter":                                       "graph",
		"e5rt_e5_compiler_config_options_set_cache_bundle_location":                    "cache",
		"e5rt_precompiled_compute_op_create_options_set_operation_name":                "main",
		"e5rt_precompiled_compute_op_create_options_set_allocate_intermediate_buffers": uint64(1),
	} {
		if got := engine.options[name]; got != want {
			t.Errorf("%s was told %v, want %v", name, got, want)
		}
	}
}

// TestEveryCallMayFail fails each call once, by status and by a null object:
// the error is typed, and nothing stays referenced.
func TestEveryCallMayFail(t *testing.T) {
	l := bind(t)
	require.NoError(t, open(t, l).Close())
	tried := map[string]bool{}
	for _, name := range engine.log {
		if tried[name] || strings.HasSuffix(name, "_release") {
			continue
		}
		tried[name] = true
		t.Run(name, func(t *testing.T) {
			l := bind(t)
			engine.fail[name] = 3
			_, err := l.Open(spec("model.mil"))
			var st *StatusError
			require.ErrorAs(t, err, &st)
			require.Equal(t, Status(3), st.Code)
			require.Equal(t, "stand-in refused "+name, st.Text)
			require.Empty(t, engine.live, "references left")

			creates := strings.Contains(name, "create") || strings.Contains(name, "retain") ||
				strings.HasSuffix(name, "compile") || strings.HasSuffix(name, "alloc")
			if !creates || strings.Contains(name, "_set_") {
				return
			}
			l = bind(t)
			engine.null[name] = true
			_, err = l.Open(spec("model.mil"))
			require.ErrorAs(t, err, &st)
			require.Contains(t, st.Text, "no object")
			require.Empty(t, engine.live, "references left")
		})
	}
	require.Greater(t, len(tried), 18, "calls of the sequence")
}

func TestReleaseFailureIsReported(t *testing.T) {
	l := bind(t)
	p := open(t, l)
	engine.fail["e5rt_io_port_release"] = 2
	err := p.Close()
	var st *StatusError
	require.ErrorAs(t, err, &st)
	require.Equal(t, StageRelease, st.Stage)
	require.Len(t, engine.live, 2, "only the two ports may stay: %v", engine.live)
}

func TestMasksAndStrings(t *testing.T) {
	l := bind(t)
	for _, mask := range []Mask{1, 2, 3, 5, 6, 7, 8} {
		_, err := l.Compile("model.mil", "cache", Options{Mask: mask})
		require.ErrorContains(t, err, "only 0x4")
	}
	_, err := l.Compile("mo\x00del.mil", "cache", Options{})
	require.ErrorContains(t, err, "NUL")
	require.Empty(t, engine.log, "nothing may reach the library")
	lib, err := l.Compile("model.mil", "cache", Options{Mask: MaskANE, Force: true, Profiling: true, Custom: "TargetArchitecture=h13"})
	require.NoError(t, err)
	require.Equal(t, uint64(1), engine.options["e5rt_e5_compiler_options_set_force_recompilation"])
	require.Equal(t, "TargetArchitecture=h13", engine.options["e5rt_e5_compiler_options_set_custom_ane_compiler_options"])
	require.NoError(t, lib.Close())
	require.Empty(t, engine.live)
}

func TestStatusTexts(t *testing.T) {
	tests := []struct {
		stage Stage
		code  Status
		text  string
		want  string
	}{
		{StageCompile, 11, "E5RT: MILCompilerForANE error: failed to compile ANE model using ANEF. Error=_ANECompiler : ANECCompile() FAILED", "bisect"},
		{StageCompile, 11, "Not implemented: tan not supported on any backend", "replace the operation"},
		{StageCompile, 1, "unordered_map::at: key not found", "multiply it by 1"},
		{StageLoad, 2, "ANE model load has failed ... Must re-compile the E5 bundle", "Force"},
		{StageExecute, -1, "", "compile it again"},
		{StageBind, 1, "two\nlines", "two lines"},
	}
	for _, tt := range tests {
		err := newStatusError(tt.stage, "x.mil", tt.code, tt.text)
		if got := err.Error(); !strings.Contains(got, tt.want) || strings.ContainsRune(got, '\n') {
			t.Errorf("%s status %d %q: %q, want one line with %q", tt.stage, tt.code, tt.text, got, tt.want)
		}
		if got, want := errors.Is(err, ErrRefused), tt.stage == StageCompile; got != want {
			t.Errorf("%s: is a refusal %v, want %v", tt.stage, got, want)
		}
	}
}
