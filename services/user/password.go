package user

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// The bounds of a password. The upper ones keep hashing cheap to refuse.
const (
	MinPasswordLength = 10   // characters
	MaxPasswordLength = 256  // characters
	MaxPasswordBytes  = 1024 // in UTF-8
)

// commonText lists words, one a line, that alone or with a few digits and signs
// around them make the passwords that everybody tries first. Lines that begin
// with # are comments.
//
//go:embed common-passwords.txt
var commonText string

var commonWords = func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			words[plain(word)] = true
		}
	}
	return words
}()

// checkPassword returns what is wrong with a new password of the account email.
func checkPassword(password, email string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return invalid("password", "must be UTF-8")
	case n < MinPasswordLength:
		return invalid("password", "must have at least 10 characters")
	case strings.TrimSpace(password) == "":
		return invalid("password", "must not be spaces alone")
	case n > MaxPasswordLength || len(password) > MaxPasswordBytes:
		return invalid("password", "must have at most 256 characters")
	case common(password) || EmailKey(password) == EmailKey(email):
		return ErrPasswordTooCommon
	}
	return nil
}

// common reports whether password is one of those that are tried first: a
// common word however written, alone or with the usual digits around it, or a
// pattern.
func common(password string) bool {
	folded := strings.ToLower(password)
	word := strings.TrimFunc(folded, notLetter)
	head, tail, _ := strings.Cut(folded, word)
	// "P4ssw0rd24!" is a word in which digits stand for letters, before some
	// that stand for nothing.
	leet := strings.TrimRightFunc(folded, notLetter)
	leetTail := folded[len(leet):]
	switch {
	case known(folded), repeated(folded), run(folded):
		return true
	case known(word) && usual(head) && usual(tail):
		return true
	default:
		return known(leet) && usual(leetTail)
	}
}

func known(s string) bool {
	return commonWords[plain(s)] || commonWords[plain(unleet.Replace(s))]
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// usual reports whether affix is what people put around a word when a form
// wants a digit and a sign: a year, "!", 123456.
func usual(affix string) bool {
	return len(affix) <= 5 || strings.Contains("12345678901234567890", plain(affix))
}

// plain is s without the signs that people put between words.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.,:;!?*+#/", r) {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s")

// repeated reports whether s is one short piece over and over: aaaaaaaaaa,
// abcabcabcabc, password1password1.
func repeated(s string) bool {
	r := []rune(s)
	for period := 1; period <= len(r)/2; period++ {
		same := true
		for i := period; i < len(r) && same; i++ {
			same = r[i] == r[i-period]
		}
		if same && (period <= 4 || common(string(r[:period]))) {
			return true
		}
	}
	return false
}

// run reports whether s goes along the alphabet, the digits or a keyboard's
// row, forwards or backwards.
func run(s string) bool {
	for _, line := range []string{
		"12345678901234567890", "01234567890123456789", "abcdefghijklmnopqrstuvwxyzabcdefghij",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
		"qwertyuiop1234567890", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
		"zaq12wsxcde34rfvbgt56yhn", "qazwsxedcrfvtgbyhnujmikolp",
	} {
		if strings.Contains(line, s) || strings.Contains(reverse(line), s) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// joined puts what is wrong with several fields into one error, or nil.
func joined(parts ...problem.Invalid) error {
	var all problem.Invalid
	for _, p := range parts {
		all = append(all, p...)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
