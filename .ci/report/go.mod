module github.com/openboxoffice/boxoffice/.ci/report

go 1.26.0
