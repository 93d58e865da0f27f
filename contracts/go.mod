module github.com/openboxoffice/boxoffice/contracts

go 1.26.0
