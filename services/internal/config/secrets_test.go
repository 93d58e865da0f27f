package config_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

func TestSecretsAreReadInTheirOrder(t *testing.T) {
	t.Parallel()
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 48)
	got, err := config.Secrets("X_KEY", []string{base64.StdEncoding.EncodeToString(one), " " + base64.StdEncoding.EncodeToString(two) + "\n"}, true)
	if err != nil || len(got) != 2 || !bytes.Equal(got[0], one) || !bytes.Equal(got[1], two) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestSecretsAreRefusedByName(t *testing.T) {
	t.Parallel()
	good, example := config.NewSecret(), base64.StdEncoding.EncodeToString([]byte("insecure-ticket-key-------------"))
	for what, c := range map[string]struct {
		list   []string
		public bool
		want   string
	}{
		"none":                {nil, false, "X_KEY is not set"},
		"an empty one":        {[]string{""}, false, "X_KEY: secret 1 of 1 has 0 bytes, not at least 32"},
		"an empty second one": {[]string{good, ""}, false, "X_KEY: secret 2 of 2 has 0 bytes, not at least 32"},
		"a short one":         {[]string{good[4:]}, false, "X_KEY: secret 1 of 1 has 29 bytes, not at least 32"},
		"no base64":           {[]string{"s3cret!" + good}, false, "X_KEY: secret 1 of 1 is not base64"},
		"an example":          {[]string{example}, true, "X_KEY: secret 1 of 1 is that of .env.example"},
		"a retired example":   {[]string{good, example}, true, "X_KEY: secret 2 of 2 is that of .env.example"},
	} {
		_, err := config.Secrets("X_KEY", c.list, c.public)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", what, err, c.want)
		} else if strings.Contains(err.Error(), good[8:16]) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error tells a secret", what)
		}
	}
	if _, err := config.Secrets("X_KEY", []string{example}, false); err != nil {
		t.Errorf("on this machine alone the example is refused: %v", err)
	}
}

func TestNewSecretsAreDifferent(t *testing.T) {
	t.Parallel()
	one, two := config.NewSecret(), config.NewSecret()
	if one == two {
		t.Errorf("%s twice", one)
	}
	if _, err := config.Secrets("X_KEY", []string{one, two}, true); err != nil {
		t.Error(err)
	}
}
