package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Site returns the value of WEB_URL, the web site's address, without a slash at its
// end; "" where there is none.
func Site(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("WEB_URL is %q, not a URL like https://tickets.example", value)
	}
	return strings.TrimRight(value, "/"), nil
}
