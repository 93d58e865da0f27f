package notification

import "testing"

func TestSpellingsOfAMailboxShareAQuota(t *testing.T) {
	t.Parallel()
	for a, others := range map[string][]string{
		"ada@example.com":         {"ADA@Example.com", "ada+1@example.com", "Ada+a+b@EXAMPLE.COM", "ａda@example.com"},
		"ada@bücher.example":      {"ada@xn--bcher-kva.example", "ada@BÜCHER.example", "ada+x@bu\u0308cher.example"},
		"zoë@example.com":         {"zoe\u0308@example.com", "ZOË@example.com"},
		"weiß@example.com":        {"WEISS@example.com"},
		"ada@straße.example":      {"ada@xn--strae-oqa.example", "ada@Straße.EXAMPLE"},
		"ada@\u212Aelvin.example": {"ada@kelvin.example"},
		"ada.king@gmail.com":      {"adaking@gmail.com", "a.d.a.king+x.y@GMail.com", "Ada.King@googlemail.com", "adaking@\uff47mail.com"},
	} {
		for _, b := range others {
			if mailboxKey(a) != mailboxKey(b) {
				t.Errorf("%q and %q are counted apart", a, b)
			}
		}
	}
	for _, pair := range [][2]string{
		{"ada@example.com", "ada@example.org"}, {"ada@example.com", "adb@example.com"}, {"a.da@example.com", "ada@example.com"},
		{"a.da@notgmail.com", "ada@notgmail.com"}, {"a.da@gmail.com.example", "ada@gmail.com.example"}, {"ada@gmail.com", "adb@gmail.com"},
		{"+1@example.com", "ada@example.com"}, {"ada@straße.example", "ada@strasse.example"}, {"nobody", "nobody@"},
	} {
		if mailboxKey(pair[0]) == mailboxKey(pair[1]) {
			t.Errorf("%q and %q are counted together", pair[0], pair[1])
		}
	}
}
