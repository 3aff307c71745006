package ane

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestPlacement(t *testing.T) {
	const ane = `y = relu(x = x)[SelectedBackend = string("ane")];`
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	tests := []struct {
		name   string
		bundle fstest.MapFS
		want   string // "" is a proven placement
	}{
		{"all on it", fstest.MapFS{"H13C.bundle/main/main_ane/analytics.mil": file(ane), "H13C.bundle/manifest": file("")}, ""},
		{"analytics beside the part", fstest.MapFS{"H17S.bundle/analytics.mil": file(ane), "H17S.bundle/main/main_ane/net": file("")}, ""},
		{"no bundle", fstest.MapFS{"other": file("")}, "no *.bundle"},
		{"two bundles", fstest.MapFS{"A.bundle/main/main_ane/analytics.mil": file(ane), "B.bundle/x": file("")}, "two bundles"},
		{"empty bundle", fstest.MapFS{"H13C.bundle/analytics.mil": file(ane)}, "no part"},
		{"on the CPU", fstest.MapFS{"H13C.bundle/main/main_bnns/analytics.mil": file(`SelectedBackend = string("bnns")`)}, "main/main_bnns"},
		{"on the GPU", fstest.MapFS{"H13C.bundle/main/main_mps_graph/x": file(""), "H13C.bundle/analytics.mil": file(ane)}, "main/main_mps_graph"},
		{"cut in two", fstest.MapFS{"H13C.bundle/main/main_ane/analytics.mil": file(ane), "H13C.bundle/main/e5_minimal_cpu0/x": file("")}, "e5_minimal_cpu0"},
		{"a back end nobody knows", fstest.MapFS{"H13C.bundle/main/main_ane/analytics.mil": file(ane), "H13C.bundle/main/main_amx/x": file("")}, "main/main_amx"},
		{"one operation elsewhere", fstest.MapFS{"H13C.bundle/main/main_ane/analytics.mil": file(ane + "\n" + `SelectedBackend = string("bnns")`)}, "selected back ends ane, bnns"},
		{"no analytics", fstest.MapFS{"H13C.bundle/main/main_ane/net": file("")}, "no analytics.mil"},
		{"analytics without a back end", fstest.MapFS{"H13C.bundle/main/main_ane/analytics.mil": file("x")}, "no analytics.mil names"},
	}
	for _, tt := range tests {
		err := checkPlacement(tt.bundle)
		if tt.want == "" {
			require.NoError(t, err, tt.name)
			continue
		}
		require.ErrorContains(t, err, tt.want, tt.name)
	}
}
