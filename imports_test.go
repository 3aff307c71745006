package devicemap

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floors is the dependency picture: a package imports only packages of lower
// floors. A new arrow is a reviewed edit of this table.
var floors = map[string]int{
	"devicemap/internal/unavailable":        -1, // errors alone: beneath the leaves
	"devicemap/internal/accelerate":         0,
	"devicemap/internal/accelerate/standin": 1, // for tests only
	"devicemap/internal/amx":                0,
	"devicemap/internal/amx/tile":           0, // a model of the hardware; imported by tests only
	"devicemap/internal/chip":               0,
	"devicemap/internal/e5rt":               0,
	"devicemap/internal/fp16":               0,
	"devicemap/internal/registry":           0,
	"devicemap/internal/ioreport":           0,
	"devicemap/internal/libsystem":          0,
	"devicemap/internal/nvml":               0,
	"devicemap/internal/onednn":             0,
	"devicemap/internal/openblas":           0,
	"devicemap/internal/rng":                0,
	"devicemap/internal/simd":               0,
	"devicemap/internal/smc":                0,
	"devicemap/internal/thread":             0,
	"devicemap/internal/graph":              1,
	"devicemap/power":                       1,
	"devicemap/results":                     1,
	"devicemap/device":                      2,
	"devicemap/internal/reference":          2,
	"devicemap/internal/route":              2,
	"devicemap/internal/golden":             2, // test data; imported by tests only
	"devicemap/internal/mil":                2,
	"devicemap/internal/softane":            4,
	"devicemap/internal/lower":              3,
	"devicemap/internal/figures":            4,
	"devicemap/device/ane":                  4,
	"devicemap/device/cpu":                  4,
	"devicemap/device/gpu":                  4,
	"devicemap/workloads":                   4,
	"devicemap/cmd/devicemap":               5,
	"devicemap/corpus":                      5,
	"devicemap":                             6,
}

// TestImportsPointDownward holds every package of the module to the floors.
func TestImportsPointDownward(t *testing.T) {
	seen := map[string]bool{}
	for _, dir := range packageDirs(t) {
		pkg, err := build.ImportDir(dir, build.ImportComment)
		require.NoError(t, err)
		path := strings.TrimSuffix("devicemap/"+filepath.ToSlash(dir), "/.")
		floor, ok := floors[path]
		if !ok {
			t.Errorf("%s has no floor: add it to the table", path)
			continue
		}
		seen[path] = true
		for _, imp := range pkg.Imports {
			if !strings.HasPrefix(imp, "devicemap/") {
				continue
			}
			if below, ok := floors[imp]; !ok || below >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", path, floor, imp, below)
			}
		}
	}
	for path := range floors {
		if !seen[path] {
			t.Errorf("%s has a floor but no code", path)
		}
	}
}

// TestForeignCodeStaysInLeaves keeps purego and unsafe out of everything but
// the bindings, and cgo out of everything.
func TestForeignCodeStaysInLeaves(t *testing.T) {
	leaves := map[string]bool{"internal/accelerate": true, "internal/accelerate/standin": true, "internal/amx": true, "internal/e5rt": true, "internal/softane": true, "internal/fp16": true,
		"internal/ioreport": true, "internal/libsystem": true, "internal/nvml": true, "internal/onednn": true, "internal/openblas": true, "internal/smc": true}
	for _, dir := range packageDirs(t) {
		pkg, err := build.ImportDir(dir, 0)
		require.NoError(t, err)
		for _, imp := range pkg.Imports {
			foreign := imp == "unsafe" || strings.HasPrefix(imp, "github.com/ebitengine/purego")
			if imp == "C" || (foreign && !leaves[filepath.ToSlash(dir)]) {
				t.Errorf("%s imports %s", dir, imp)
			}
		}
	}
}

// packageDirs lists the directories of this module that hold Go code.
func packageDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != "." && (name == "testdata" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); path != "." && err == nil {
			return filepath.SkipDir // another module
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*.go")); len(files) > 0 {
			dirs = append(dirs, path)
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	return dirs
}
