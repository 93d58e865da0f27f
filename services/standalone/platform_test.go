package standalone

import (
	"strings"
	"testing"
)

func onFreePorts(dir, userAddr string) Config {
	const free = "127.0.0.1:0"
	return Config{DataDir: dir, UserAddr: userAddr, EventAddr: free, BookingAddr: free, NotificationAddr: free, SampleData: true}
}

func TestOneProcessWorksOnTheData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0")); err == nil || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("a second process on the same data: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	p, err = Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
}

// The sample admin's password stands in the README: what was made on loopback
// must not be opened to others.
func TestSampleLoginsStayOnThisMachine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := Open(t.Context(), onFreePorts(dir, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), onFreePorts(dir, "0.0.0.0:0")); err == nil || !strings.Contains(err.Error(), SampleAdmin.Email) {
		t.Errorf("opened to others with the sample admin: %v", err)
	}

	p, err = Open(t.Context(), onFreePorts(t.TempDir(), "0.0.0.0:0"))
	if err != nil {
		t.Fatalf("opened to others from the start: %v", err)
	}
	defer func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(p.user.url(), "http://127.0.0.1:") {
		t.Errorf("this machine is told to reach it at %s", p.user.url())
	}
	for _, l := range []Login{SampleAdmin, SampleOrganizer, SampleCustomer} {
		if _, err := p.accounts.Login(t.Context(), l.Email, l.Password); err == nil {
			t.Errorf("%s can log in", l.Email)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "127.9.9.9:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.1:80": false, "example.com:80": false, "80": false, "": false,
	} {
		if got := onFreePorts("", addr).loopback(); got != want {
			t.Errorf("%q is loopback: %v", addr, got)
		}
	}
}
