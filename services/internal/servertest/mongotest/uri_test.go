package mongotest

import "testing"

// A user of a running server is known where its URI says, whatever database a
// test has.
func TestADatabaseOfAURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"mongodb://h:1":                        "mongodb://h:1/db",
		"mongodb://h:1/":                       "mongodb://h:1/db",
		"mongodb://h:1/?a=b":                   "mongodb://h:1/db?a=b",
		"mongodb://u:p@h:1":                    "mongodb://u:p@h:1/db?authSource=admin",
		"mongodb://u:p@h:1/own":                "mongodb://u:p@h:1/db?authSource=own",
		"mongodb://u:p@h:1/own?a=b":            "mongodb://u:p@h:1/db?a=b&authSource=own",
		"mongodb://u:p@h:1/own?authSource=old": "mongodb://u:p@h:1/db?authSource=old",
	} {
		if got := of(uri, "db"); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}
