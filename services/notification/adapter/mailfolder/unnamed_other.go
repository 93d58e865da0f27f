//go:build !linux

package mailfolder

import (
	"errors"
	"os"
)

func takesUnnamed(string) bool { return false }

func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func nameIt(*os.File, string) error { return errors.ErrUnsupported }
