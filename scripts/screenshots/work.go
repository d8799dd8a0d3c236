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
	small  = 2.2                   // calls a second of images.thumbnail, on average
	larger = 1.8                   // and how much more or fewer, in another rhythm
	rounds = 40000                 // of one of them: a third of a second of a core
)

var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

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
		began, owed, pictures := time.Now(), 0.0, 0.0
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
			upload := math.Sin(2 * math.Pi * at / (1.7 * period))
			for pictures += beat.Seconds() * (small + larger*upload); pictures >= 1; pictures-- {
				call("images.thumbnail", rounds+int(rounds/2*rush))
			}
			second := n * int(beat/time.Millisecond) / 1000
			if n*int(beat/time.Millisecond)%1000 != 0 {
				continue
			}
			switch {
			case second%9 == 1:
				call("reports.monthly", months[second/9%len(months)], 13.5)
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
