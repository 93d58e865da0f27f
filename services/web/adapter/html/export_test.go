package html

// Route is a page or form, for tests of all of them.
type Route struct {
	Method, Pattern string
	Secret          bool // its address has a credential
}

// Routes returns all.
func Routes() (all []Route) {
	for _, r := range (*site)(nil).table() {
		all = append(all, Route{r.method, r.pattern, r.kind == secret})
	}
	return all
}
