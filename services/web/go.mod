module github.com/openboxoffice/boxoffice/services/web

go 1.26.0

require (
	github.com/openboxoffice/boxoffice/contracts v0.0.0
	github.com/openboxoffice/boxoffice/services/internal v0.0.0
)

replace (
	github.com/openboxoffice/boxoffice/contracts => ../../contracts
	github.com/openboxoffice/boxoffice/services/internal => ../internal
)
