module github.com/openboxoffice/boxoffice/.ci/rules

go 1.26.0

require github.com/quasilyte/go-ruleguard/dsl v0.3.23
