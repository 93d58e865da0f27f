package inboxrest

import (
	"context"
	"net/http"
	"slices"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Client is outbox.Receipts of a consumer that serves POST /receipts.
type Client struct{ http *httpkit.Client }

var _ outbox.Receipts = (*Client)(nil)

// NewClient returns the publisher's side of c's service.
func NewClient(c *httpkit.Client) *Client { return &Client{http: c} }

// Known implements outbox.Receipts, in as many requests as are needed.
func (c *Client) Known(ctx context.Context, ids []string) ([]string, error) {
	known := []string{}
	for part := range slices.Chunk(ids, maxIDs) {
		var answer receipts
		if err := c.http.Do(ctx, http.MethodPost, []string{"receipts"}, receiptsRequest{IDs: part}, &answer); err != nil {
			return nil, err
		}
		known = append(known, answer.Known...)
	}
	return known, nil
}
