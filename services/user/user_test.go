package user_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user"
)

const password = "a sparrow in the organ"

func registration() user.Registration {
	return user.Registration{Email: "ada@example.com", Password: password, Name: "Ada"}
}

// refusal returns the names of the fields that err complains about, or its
// text.
func refusal(err error) string {
	var invalid problem.Invalid
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &invalid):
		var names []string
		for _, f := range invalid {
			names = append(names, f.Name)
		}
		return strings.Join(names, " ")
	case errors.Is(err, user.ErrPasswordTooCommon):
		return "too common"
	default:
		return err.Error()
	}
}

func TestAnAddressIsOneHoweverItsDomainIsWritten(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"ada@bücher.example", "Ada@BÜCHER.example", "ada@xn--bcher-kva.example", "ada@XN--BCHER-KVA.example"} {
		if got := user.EmailKey(spelling); got != "ada@bücher.example" {
			t.Errorf("the key of %s is %q", spelling, got)
		}
	}
	for spelling, want := range map[string]string{"bob@ﬁsh.example": "bob@fish.example", "bob@ｅxample.org": "bob@example.org"} {
		if got := user.EmailKey(spelling); got != want {
			t.Errorf("the key of %s is %q, want %q: mail goes to one mailbox", spelling, got, want)
		}
	}
}

// IDNA's effort is the square of a domain's length, and POST /token takes any.
func TestADomainThatNobodyHasIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	if nobodys := "a@" + strings.Repeat("Ä", 200) + ".example"; user.EmailKey(nobodys) != nobodys {
		t.Errorf("the key is %q", user.EmailKey(nobodys))
	}
}

func TestTwoMailboxesAreTwoAccounts(t *testing.T) {
	t.Parallel()
	for one, other := range map[string]string{
		"İnan@example.com": "inan@example.com", "ſam@example.com": "sam@example.com", "σίσυφος@example.com": "σίσυφοσ@example.com",
		"straße@example.com": "strasse@example.com", "ısıl@example.com": "isil@example.com", "ada@faß.example": "ada@fass.example",
	} {
		if user.EmailKey(one) == user.EmailKey(other) {
			t.Errorf("%s and %s are one account", one, other)
		}
	}
}

func TestSpellingsOfAMailboxAreCountedTogether(t *testing.T) {
	t.Parallel()
	for spelling, want := range map[string]string{
		"Ada.King+x.y@example.com": "ada.king@example.com", "a.d.a.king+x.y@GMail.com": "adaking@gmail.com",
		"Ada.King@googlemail.com": "adaking@gmail.com", "a.da@ｇmail.com": "ada@gmail.com",
		"a.da@notgmail.com": "a.da@notgmail.com", "a.da@gmail.com.example": "a.da@gmail.com.example", "nobody": "nobody",
	} {
		if got := user.MailboxKey(spelling); got != want {
			t.Errorf("MailboxKey(%q) = %q, want %q", spelling, got, want)
		}
	}
}

func TestEmailAddresses(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for email, want := range map[string]string{
		"ada@example.com":                             "none",
		"  Ada.Lovelace+tickets@Example.co.uk ":       "none",
		"jürgen@münchen.example":                      "none",
		"o'brien@example.com":                         "none",
		"周@例え.テスト":                                    "none",
		"":                                            "email",
		"ada":                                         "email",
		"ada@":                                        "email",
		"@example.com":                                "email",
		"ada@localhost":                               "email",
		"ada@example..com":                            "email",
		"ada@-example.com":                            "email",
		"ada@example.com.":                            "email",
		".ada@example.com":                            "email",
		"a..da@example.com":                           "email",
		"ada@@example.com":                            "email",
		"ada lovelace@example.com":                    "email",
		"Ada <ada@example.com>":                       "email",
		"ada@example.com, bob@example.com":            "email",
		"ada@example.com\r\nBcc: b@example.com":       "email",
		"ada\nb@example.com":                          "email",
		"ada\u2028b@example.com":                      "email",
		"ada\u202eb@example.com":                      "email",
		"ada\x00@example.com":                         "email",
		"\"ada\"@example.com":                         "email",
		"ada(comment)@example.com":                    "email",
		"ada@[127.0.0.1]":                             "email",
		"ada@exam_ple.com":                            "email",
		"ad\xffa@example.com":                         "email",
		"\u3164@example.com":                          "email", // what cannot be seen
		"ada\u3164@example.com":                       "email",
		"ada\u034f@example.com":                       "email",
		"ada\ufe0f@example.com":                       "email",
		"ada\U000e0100@example.com":                   "email",
		"ada\u17b4@example.com":                       "email",
		"ada\u200d@example.com":                       "email",
		"\u0301@example.com":                          "email",
		"\u0301ada@example.com":                       "email",
		"ada@exam\u034fple.com":                       "email",
		"ada@exam\u3164ple.com":                       "email",
		"ada@xn--a.example":                           "email", // domains that IDNA refuses
		"ada@xn--bcher-kva\u00e4.example":             "email",
		"ada@ab--cd.example":                          "email",
		"ada@\u0301x.example":                         "email",
		"ada@אaא.example":                             "email",
		"ada@" + strings.Repeat("ü", 58) + ".example": "email", // 64 bytes as an A-label
		"ada@" + strings.Repeat(strings.Repeat("ü", 20)+".", 5) + "example": "none",
		"ada@" + strings.Repeat("ü.", 60) + "example":                       "email", // 489 bytes in A-labels
		strings.Repeat("a", 65) + "@example.com":                            "email",
		"ada@" + strings.Repeat("a", 64) + ".com":                           "email",
		"ada@" + strings.Repeat(strings.Repeat("a", 60)+".", 5) + "x":       "email",
	} {
		r := registration()
		r.Email = email
		if u, err := s.Register(t.Context(), r); refusal(err) != want {
			t.Errorf("%q: %s, want %s", email, refusal(err), want)
		} else if err == nil && u.Email != strings.TrimSpace(email) {
			t.Errorf("%q is stored as %q", email, u.Email)
		}
		if want == "none" {
			r.Email = strings.ToUpper(email)
			if _, err := s.Register(t.Context(), r); !errors.Is(err, user.ErrEmailTaken) {
				t.Errorf("%q after %q: %v", r.Email, email, err)
			}
		}
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for candidate, want := range map[string]string{
		"":                         "password",
		"ninechars":                "password",
		"neun Zeic":                "password",
		strings.Repeat("ab1?", 65): "password", // 260 characters
		strings.Repeat("\U0001F39F", 255) + "aaaaa": "password", // 1025 bytes
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff":  "password",
		"          ": "password",
		"\u00a0\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u3000": "password",
		"1234567890":             "too common",
		"12345678910":            "too common",
		"0987654321":             "too common",
		"qwertyuiop":             "too common",
		"QwertyUiop":             "too common",
		"1q2w3e4r5t":             "too common",
		"aaaaaaaaaa":             "too common",
		"abcabcabcabc":           "too common",
		"password123":            "too common",
		"Password123":            "too common",
		"PASSWORD1234567890":     "too common",
		"P4ssw0rd2024":           "too common",
		"p@ssw0rd12":             "too common",
		"passwordpassword":       "too common",
		"iloveyou12":             "too common",
		"I love you!!":           "too common",
		"letmein2024!":           "too common",
		"welcome123!":            "too common",
		"Summer2025!":            "too common",
		"liverpoolfc":            "too common",
		"jesuschrist":            "too common",
		"administrator":          "too common",
		"changeme123":            "too common",
		"dragonball1":            "too common",
		"starwars77":             "too common",
		"basketball":             "too common",
		"ada@example.com":        "too common", // her own address
		"a sparrow in the organ": "none",
		"correct horse battery":  "none",
		"gT7#kq0pZ!":             "none",
		"паровоз и чайка":        "none",
		"longenough-4711":        "none",
	} {
		r := registration()
		r.Password = candidate
		_, err := s.Register(t.Context(), r)
		if refusal(err) != want && (want != "none" || !errors.Is(err, user.ErrEmailTaken)) {
			t.Errorf("%.30q: %s, want %s", candidate, refusal(err), want)
		}
	}
}

// What everybody can read is a password where nobody else can come.
func TestPublicPasswords(t *testing.T) {
	t.Parallel()
	for private, want := range map[bool]string{true: "none", false: "too common"} {
		s := newService(t)
		s.Private = private
		for i, candidate := range []string{"admin-sample-1", "customer-sample-1", "organizer-sample-1", "insecure-admin-password"} {
			r := registration()
			r.Email, r.Password = fmt.Sprint("user", i, "@example.com"), candidate
			if _, err := s.Register(t.Context(), r); refusal(err) != want {
				t.Errorf("%q, private %v: %s, want %s", candidate, private, refusal(err), want)
			}
		}
	}
}

// A password that everybody can read is good for no login where others can come, also if
// its account has another address than that of the sample.
func TestPublicPasswordsLogNobodyIn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Private = true
	r := registration()
	r.Email, r.Password = user.SampleCustomer.Email, user.SampleCustomer.Password
	u, err := s.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestEmail(t.Context(), u.ID, "ada@example.com", r.Password); err != nil {
		t.Fatal(err)
	}
	m, err := s.Mail(t.Context(), s.told(t)[0].MailID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfirmNewEmail(t.Context(), u.ID, m.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Login(t.Context(), "ada@example.com", r.Password); err != nil {
		t.Errorf("where nobody else can come: %v", err)
	}
	s.Private = false
	_, err = s.Login(t.Context(), "ada@example.com", r.Password)
	wantErr(t, err, user.ErrInvalidGrant)
}

func TestNamesPhonesAndRoles(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for name, c := range map[string]struct {
		change func(*user.Registration)
		want   string
	}{
		"empty name":           {func(r *user.Registration) { r.Name = "  " }, "name"},
		"long name":            {func(r *user.Registration) { r.Name = strings.Repeat("ä", 201) }, "name"},
		"name of two lines":    {func(r *user.Registration) { r.Name = "Ada\r\nBcc: b@example.com" }, "name"},
		"name of a filler":     {func(r *user.Registration) { r.Name = "\u3164" }, "name"},
		"name of joiners":      {func(r *user.Registration) { r.Name = "\u200d\u200f" }, "name"},
		"Hebrew name":          {func(r *user.Registration) { r.Name = "\u200fעדה"; r.Email = "c@example.com" }, "none"},
		"name turned around":   {func(r *user.Registration) { r.Name = "Ada\u202e" }, "name"},
		"local phone":          {func(r *user.Registration) { r.Phone = "0151 12345678" }, "phone"},
		"phone with spaces":    {func(r *user.Registration) { r.Phone = "+49 151 12345678" }, "phone"},
		"long phone":           {func(r *user.Registration) { r.Phone = "+1234567890123456" }, "phone"},
		"phone of zero":        {func(r *user.Registration) { r.Phone = "+0123456789" }, "phone"},
		"admin":                {func(r *user.Registration) { r.Role = identity.Admin }, "role"},
		"unknown role":         {func(r *user.Registration) { r.Role = "root" }, "role"},
		"all at once":          {func(r *user.Registration) { *r = user.Registration{Role: "root", Phone: "x"} }, "role email password name phone"},
		"family name with ZWJ": {func(r *user.Registration) { r.Name = "क्\u200dष"; r.Email = "b@example.com" }, "none"},
	} {
		r := registration()
		c.change(&r)
		if _, err := s.Register(t.Context(), r); refusal(err) != c.want {
			t.Errorf("%s: %s, want %s", name, refusal(err), c.want)
		}
	}
	r := registration()
	r.Name, r.Phone, r.Role = "  Ada  ", "+4915112345678", identity.Organizer
	u, err := s.Register(t.Context(), r)
	if err != nil || u.Name != "Ada" || u.Phone != r.Phone || u.Role != identity.Organizer {
		t.Errorf("%+v, %v", u, err)
	}
}
