package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type paymentsConfigBody struct {
	Provider       string `json:"provider" doc:"Who takes the money" example:"stripe"`
	PublishableKey string `json:"publishable_key,omitempty" doc:"By which a page asks the provider for a token for a card; absent where it needs none" example:"pk_live_4711"`
}

func registerPaymentsConfig(api huma.API, provider, publishableKey string) {
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "getPaymentsConfig", Method: http.MethodGet, Path: "/payments/config", Tags: []string{"payments"},
		Summary: "What a page needs to know to take a payment",
	}), func(context.Context, *struct{}) (*struct{ Body paymentsConfigBody }, error) {
		return &struct{ Body paymentsConfigBody }{paymentsConfigBody{provider, publishableKey}}, nil
	})
}
