package events

import "testing"

func TestReference(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"0195e9d2-7c1a-7abc-8def-0123456789ab": "BX-4D2P-F2DB",
		"00000000-0000-7000-8000-000000000000": "BX-0000-0000",
		"ffffffff-ffff-7fff-bfff-ffffffffffff": "BX-ZZZZ-ZZZZ",
		"no id":                                "no id",
		"":                                     "",
	} {
		if got := Reference(id); got != want {
			t.Errorf("Reference(%s) = %s, want %s", id, got, want)
		}
	}
}
