package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCapabilitiesAreCurrent fails when the table changed and the document did
// not.
func TestCapabilitiesAreCurrent(t *testing.T) {
	if status, _, stderr := call("capabilities", "-check", "../../docs/capabilities.json"); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func TestCapabilities(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capabilities.json")
	status, out, stderr := call("capabilities", path)
	require.Equal(t, []any{0, "", ""}, []any{status, out, stderr})
	if status, _, stderr := call("capabilities", "-check", path); status != 0 {
		t.Errorf("a fresh document fails its check: %s", stderr)
	}
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o644))
	status, _, stderr = call("capabilities", "-check", path)
	if status != 1 || !strings.Contains(stderr, "differs from the table; run: devicemap capabilities") {
		t.Errorf("a stale document: status %d, %q", status, stderr)
	}
	status, _, stderr = call("capabilities", "-check", path+".none")
	if status != 1 || !strings.Contains(stderr, "no such file") {
		t.Errorf("a missing document: status %d, %q", status, stderr)
	}
}
