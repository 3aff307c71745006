package unavailable

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNew: an absence is unsupported without saying so, and no other one.
func TestNew(t *testing.T) {
	one, other := New("not available"), New("not available")
	err := fmt.Errorf("%w: no driver", one)
	require.EqualError(t, err, "not available: no driver")
	require.ErrorIs(t, err, one)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.NotErrorIs(t, err, other)
}
