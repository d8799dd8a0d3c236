package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// entry is one module and a call whose answer is known.
type entry struct {
	module, method string
	params         any
	want           string // JSON, as Python spells it
}

type (
	list = []any
	dict = map[string]any
)

// shelf is a dozen of modules and more, synchronous and asynchronous, C and
// Python, from the standard library and from beyond it.
var shelf = []entry{
	{"math", "math.sqrt", list{9}, `3.0`},
	{"os", "os.path.join", list{"a", "b"}, `"a/b"`},
	{"json", "json.dumps", dict{"obj": list{1}, "indent": nil}, `"[1]"`},
	{"statistics", "statistics.mean", list{list{1, 2, 3, 4}}, `2.5`},
	{"datetime", "datetime.date.fromisoformat", list{"2024-02-29"}, `"2024-02-29"`},
	{"decimal", "decimal.Decimal", list{"1.10"}, `"1.10"`},
	{"itertools", "itertools.accumulate", list{list{1, 2, 3}}, `[1,3,6]`},
	{"difflib", "difflib.get_close_matches", list{"appel", list{"ape", "apple", "peach"}}, `["apple","ape"]`},
	{"textwrap", "textwrap.shorten", dict{"text": "hello there world", "width": 12}, `"hello [...]"`},
	{"asyncio", "asyncio.sleep", list{0.001, "woke"}, `"woke"`},
	{"numpy", "numpy.linalg.norm", list{list{3, 4}}, `5.0`},
	{"pydantic", "pydantic.alias_generators.to_pascal", list{"snake_case"}, `"SnakeCase"`},
	{"httpx", "httpx.codes.get_reason_phrase", list{418}, `"I'm a teapot"`},
	{"aiohttp", "aiohttp.hdrs.CONTENT_TYPE", list{}, `"Content-Type"`},
	{"fastapi", "fastapi.encoders.jsonable_encoder", dict{"obj": dict{"a": list{1}}}, `{"a":[1]}`},
}

const (
	callsPerModule = 50
	fetches        = 50 // through each HTTP client, ten at a time
	fetchers       = 10
)

// callModule imports it with the first call and times the others.
func callModule(ctx context.Context, c *client, t *tally, e entry) {
	for n := range callsPerModule + 1 {
		started := time.Now()
		got, err := c.call(ctx, e.method, e.params)
		took := time.Since(started)
		switch {
		case err != nil:
			t.failed(e.module, kindOf(err))
			t.fault("%s: %v", e.method, err)
			return
		case !sameJSON(got, e.want):
			t.fault("%s gave %s, expected %s", e.method, got, e.want)
		}
		if n == 0 {
			t.imported(e.module, took)
		} else {
			t.answered(e.module, took)
		}
	}
}

// sameJSON compares without white space.
func sameJSON(got json.RawMessage, want string) bool {
	var g, w any
	if json.Unmarshal(got, &g) != nil || json.Unmarshal([]byte(want), &w) != nil {
		return false
	}
	return fmt.Sprintf("%#v", g) == fmt.Sprintf("%#v", w)
}

// fetchHTTP serves a FastAPI application inside one worker and fetches from it
// through httpx and aiohttp inside others.
func fetchHTTP(ctx context.Context, c *client, t *tally) error {
	started := time.Now()
	got, err := c.call(ctx, "demo_app.serve", list{})
	if err != nil {
		return fmt.Errorf("serve the FastAPI application: %w", err)
	}
	t.imported("demo_app", time.Since(started))
	base := "http://127.0.0.1:" + string(got)

	get := entry{"demo_fetch", "demo_fetch.with_httpx", list{base + "/tea/green"}, `{"kind":"green","served":"hot"}`}
	post := entry{"demo_fetch", "demo_fetch.with_aiohttp", list{base + "/orders", dict{"item": "cup", "count": 2}}, `{"item":"cup","count":2}`}
	work := make(chan entry)
	var crew sync.WaitGroup
	for range fetchers {
		crew.Go(func() {
			for e := range work {
				fetch(ctx, c, t, e)
			}
		})
	}
	for range fetches {
		work <- get
		work <- post
	}
	close(work)
	crew.Wait()
	return nil
}

func fetch(ctx context.Context, c *client, t *tally, e entry) {
	started := time.Now()
	got, err := c.call(ctx, e.method, e.params)
	if err != nil {
		t.failed(e.module, kindOf(err))
		t.fault("%s: %v", e.method, err)
		return
	}
	if !sameJSON(got, e.want) {
		t.fault("%s gave %s, expected %s", e.method, got, e.want)
	}
	t.answered(e.module, time.Since(started))
}
