package main

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

const (
	beat   = 20 * time.Millisecond // how often new calls are made
	midway = 250.0                 // calls a second of orders.price, on average
	swing  = 190.0                 // and how much more or fewer
	period = 21.0                  // seconds from rush to rush
)

// work makes the shop's calls until ctx ends.
func work(ctx context.Context, socket string) (*sync.WaitGroup, error) {
	client, err := rpc.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	call := func(function string, args ...any) {
		if args == nil {
			args = []any{}
		}
		// A crash is part of the picture, and the end of the work ends its calls.
		all.Go(func() { _ = client.Call(ctx, function, args, nil) })
	}
	all.Go(func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		began, owed := time.Now(), 0.0
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				_ = client.Close() // what is in flight is not waited for
				return
			case <-ticker.C:
			}
			at := time.Since(began).Seconds()
			rush := math.Sin(2 * math.Pi * at / period)
			for owed += beat.Seconds() * (midway + swing*rush); owed >= 1; owed-- {
				call("orders.price", n)
			}
			if n%4 == 0 {
				call("images.thumbnail", 11000+int(6000*rush))
			}
			second := n * int(beat/time.Millisecond) / 1000
			if n*int(beat/time.Millisecond)%1000 != 0 {
				continue
			}
			switch {
			case second%9 == 1:
				call("reports.monthly", 13.5)
			case second == 31:
				call("images.broken_file")
			case second == 47:
				call("reports.out_of_license")
			}
			if second%4 == 0 {
				call("orders.reserve", second, 6)
			}
		}
	})
	return &all, nil
}
