package config_test

import (
	"fmt"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/config"
)

func TestWhoCanReachAService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr    string
		sidecar bool
		reach   config.Reach
		private bool
	}{
		{"127.0.0.1:8080", false, config.Reach{}, true},
		{"127.0.0.1:8080", false, config.Reach{TrustedProxies: []string{" ", ""}}, true},
		{"127.0.0.1:8080", false, config.Reach{TrustedProxies: []string{"127.0.0.1"}}, false},
		{"0.0.0.0:8080", false, config.Reach{}, false},
		{":8080", false, config.Reach{}, false},
		{"0.0.0.0:8080", false, config.Reach{PublishedLocally: true}, true},
		{"127.0.0.1:8080", true, config.Reach{}, false},
		{"127.0.0.1:8080", true, config.Reach{PublishedLocally: true}, true},
		{"127.0.0.1:8080", true, config.Reach{PublishedLocally: true, TrustedProxies: []string{"127.0.0.1"}}, false},
		{"0.0.0.0:8080", false, config.Reach{PublishedLocally: true, TrustedProxies: []string{"10.0.0.0/8"}}, false},
	} {
		if private := c.reach.Private(c.addr, c.sidecar); private != c.private {
			t.Errorf("%s, sidecar %t, %+v: private %t, want %t", c.addr, c.sidecar, c.reach, private, c.private)
		}
	}
}

func TestTrustedProxiesAreAddressesOrRanges(t *testing.T) {
	t.Parallel()
	got, err := config.Reach{TrustedProxies: []string{"10.1.2.3/8", " 192.0.2.1", "", "2001:db8::1"}}.Proxies()
	if want := "[10.0.0.0/8 192.0.2.1/32 2001:db8::1/128]"; fmt.Sprint(got) != want || err != nil {
		t.Errorf("%v, error %v; want %s", got, err, want)
	}
	_, err = config.Reach{TrustedProxies: []string{"10.0.0.0/8", "somewhere"}}.Proxies()
	if want := `TRUSTED_PROXIES: "somewhere" is neither an address nor a CIDR range`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
