package problem

import (
	"errors"
	"fmt"
)

// Refusal is a sentinel error of a domain. Its code is how clients and other
// services know it.
type Refusal struct {
	Code Code
	text string
}

// NewRefusal returns a refusal with a code of Codes. text says what happened, for
// people.
func NewRefusal(code Code, text string) *Refusal {
	if code.Status() == 0 {
		panic(fmt.Sprintf("the code %q is not documented", code))
	}
	return &Refusal{code, text}
}

func (r *Refusal) Error() string { return r.text }

// Refused returns the refusal that has the code of another service's answer, the
// Problem that err is or wraps. It returns nil if none of refusals has it.
func Refused(err error, refusals ...*Refusal) error {
	var p *Problem
	if errors.As(err, &p) {
		for _, r := range refusals {
			if r.Code == p.Code {
				return r
			}
		}
	}
	return nil
}

// Status is the status of the answers with this code; 0 if it is none of Codes.
func (c Code) Status() int {
	for _, known := range Codes {
		if known.Code == c {
			return known.Status
		}
	}
	return 0
}
