// Package add is the gRPC peers' wire: the messages that protoc generates from
// add.proto, and a client as its gRPC plugin would write it. There is no server
// side, which is Python's.
package add

import (
	"context"

	"google.golang.org/grpc"
)

// Client calls the Adder service.
type Client struct{ conn grpc.ClientConnInterface }

// NewClient makes a client of an open connection.
func NewClient(conn grpc.ClientConnInterface) *Client { return &Client{conn} }

// Add asks for the sum of two terms.
func (c *Client) Add(ctx context.Context, terms *Terms) (*Sum, error) {
	sum := new(Sum)
	if err := c.conn.Invoke(ctx, "/bench.Adder/Add", terms, sum); err != nil {
		return nil, err
	}
	return sum, nil
}
