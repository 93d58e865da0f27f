// Package browser looks at the shop's pages in a real browser, as visitors do: by
// touch, by keyboard, and without JavaScript. .ci/chromium finds or installs the browser,
// and .ci/axe what looks for pages that some people cannot use.
package browser
