// Package config reads a service's configuration from environment variables
// into its one struct, and names the variable that is wrong.
package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Parse reads a T, whose fields have `env` tags, from environment. Each
// variable that is missing or malformed is named in the error; values are not,
// for they may be secrets.
func Parse[T any](environment map[string]string) (T, error) {
	c, err := env.ParseAsWithOptions[T](env.Options{Environment: environment})
	if err == nil {
		return c, nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return c, fmt.Errorf("configuration: %w", err)
	}
	named := make([]error, len(all.Errors))
	for i, err := range all.Errors {
		named[i] = name[T](err)
	}
	return c, fmt.Errorf("configuration: %w", errors.Join(named...))
}

// name says the variable where the library says the Go field.
func name[T any](err error) error {
	var malformed env.ParseError
	var missing env.VarIsNotSetError
	var empty env.EmptyVarError
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("%s is not set", missing.Key)
	case errors.As(err, &empty):
		return fmt.Errorf("%s is empty", empty.Key)
	case errors.As(err, &malformed):
		if f, ok := reflect.TypeFor[T]().FieldByName(malformed.Name); ok {
			variable, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			return fmt.Errorf("%s is not a %s", variable, malformed.Type)
		}
	}
	return err
}

// MailFolder is the SMTP_URL with which mails are written to a folder: nobody gets
// them.
const MailFolder = "folder"
