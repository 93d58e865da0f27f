// Package rules is what the linter forbids beyond what its settings can say:
// gocritic's ruleguard reads it.
package rules

import "github.com/quasilyte/go-ruleguard/dsl"

// Float finds floats where money is counted. forbidigo finds their types by
// name; here is what needs no name: the number 0.5, and what others return.
//
// golangci-lint does not see that this file has changed: clean its cache then.
func Float(m dsl.Matcher) {
	float := func(v dsl.Var) bool {
		return m.File().PkgPath.Matches(`/boxoffice/(contracts(/\w+)*|services/(booking|event|notification|user|web))$`) &&
			!m.File().Name.Matches(`_test\.go$`) &&
			v.Type.OfKind("float")
	}
	m.Match(
		"$x + $_", "$_ + $x", "$x - $_", "$_ - $x", "$x * $_", "$_ * $x", "$x / $_", "$_ / $x",
		"const $x = $_", "var $x = $_",
		"$*_, $x, $*_ := $*_", "$*_, $x, $*_ = $*_", "$*_ = $*_, $x, $*_",
		"$_($*_, $x, $*_)", "return $*_, $x, $*_",
	).Where(float(m["x"])).Report("$x is a float: money is counted in whole minor units")

	m.Match("$_($*_)", "$_.$_").
		Where(float(m["$$"])).Report("$$ is a float: money is counted in whole minor units")
}
