package httpkit

import (
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// AlsoAnswers adds to the document that an operation, which is registered
// already, answers with status too: with the body of its default success, or
// without any.
func AlsoAnswers(api huma.API, operationID string, status int, withBody bool, description string) {
	for _, path := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Delete} {
			if op == nil || op.OperationID != operationID {
				continue
			}
			answer := &huma.Response{Description: description}
			if withBody {
				usual := op.Responses[strconv.Itoa(op.DefaultStatus)]
				answer.Content, answer.Headers = usual.Content, usual.Headers
			}
			op.Responses[strconv.Itoa(status)] = answer
			return
		}
	}
	panic("httpkit: no operation " + operationID)
}
