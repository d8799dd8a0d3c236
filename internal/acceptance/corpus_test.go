package acceptance

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The corpus: what people import most. Each library has a pool of its own, and
// each call's result is known exactly, so that one that comes back with another
// type (3 for 3.0, null for nan) is a failure.
const (
	corpusSize     = 25
	corpusCalls    = 3 // of each library, at least
	corpusAtOnce   = 2 // imports at a time: they are what a core is busy with
	corpusDeadline = time.Minute
)

type corpusCall struct{ method, params, want string }

type library struct {
	name, module string // what is installed, what is imported
	calls        []corpusCall
}

var libraries = []library{
	{"numpy", "numpy", []corpusCall{
		{"linalg.norm", `[[3,4]]`, `5.0`},
		{"cumsum", `[[1,2,3]]`, `[1,3,6]`},
		{"linspace", `[0,1,3]`, `[0.0,0.5,1.0]`},
		{"dot", `[[1,2],[3,4]]`, `11`},
	}},
	{"pandas", "pandas", []corpusCall{
		{"to_numeric", `[["1","2.5"]]`, `[1.0,2.5]`},
		{"isna", `[null]`, `true`},
		{"Timestamp", `["2024-02-29T12:30:00"]`, `"2024-02-29T12:30:00"`},
	}},
	{"scipy", "scipy", []corpusCall{
		{"special.comb", `[5,2]`, `10.0`},
		{"linalg.det", `[[[1,2],[3,4]]]`, `-2.0`},
		{"spatial.distance.cityblock", `[[0,0],[3,4]]`, `7`},
		{"stats.norm.cdf", `[0]`, `0.5`},
	}},
	{"scikit-learn", "sklearn", []corpusCall{
		{"metrics.accuracy_score", `[[0,1,1,0],[0,1,0,0]]`, `0.75`},
		{"metrics.confusion_matrix", `[[0,1,1],[0,1,0]]`, `[[1,0],[1,1]]`},
		{"preprocessing.minmax_scale", `[[0,5,10]]`, `[0.0,0.5,1.0]`},
	}},
	{"requests", "requests", []corpusCall{
		{"utils.requote_uri", `["http://h/a b"]`, `"http://h/a%20b"`},
		{"utils.parse_dict_header", `["foo=\"is a fish\", bar=2"]`, `{"foo":"is a fish","bar":"2"}`},
		{"utils.dotted_netmask", `[24]`, `"255.255.255.0"`},
	}},
	{"httpx", "httpx", []corpusCall{
		{"codes.get_reason_phrase", `[404]`, `"Not Found"`},
		{"codes", `[418]`, `418`},
		{"QueryParams", `[{"a":1,"b":"x y"}]`, `{"a":"1","b":"x y"}`},
	}},
	{"urllib3", "urllib3", []corpusCall{
		{"util.parse_url", `["http://u@h:80/p?q=1"]`, `["http","u","h",80,"/p","q=1",null]`},
		{"util.make_headers", `{"keep_alive":true,"basic_auth":"a:b"}`, `{"connection":"keep-alive","authorization":"Basic YTpi"}`},
		{"encode_multipart_formdata", `[{"a":"b"},"XX"]`, `["LS1YWA0KQ29udGVudC1EaXNwb3NpdGlvbjogZm9ybS1kYXRhOyBuYW1lPSJhIg0KDQpiDQotLVhYLS0NCg==","multipart/form-data; boundary=XX"]`},
	}},
	{"pillow", "PIL", []corpusCall{
		{"ImageColor.getrgb", `["#ff8000"]`, `[255,128,0]`},
		{"ImageColor.getcolor", `["red","L"]`, `76`},
		{"Image.getmodebands", `["RGBA"]`, `4`},
	}},
	{"pydantic", "pydantic", []corpusCall{
		{"alias_generators.to_camel", `["some_long_name"]`, `"someLongName"`},
		{"alias_generators.to_pascal", `["some_long_name"]`, `"SomeLongName"`},
		{"alias_generators.to_snake", `["HTTPResponse"]`, `"http_response"`},
	}},
	{"attrs", "attr", []corpusCall{
		{"converters.to_bool", `["yes"]`, `true`},
		{"converters.to_bool", `["off"]`, `false`},
		{"validators.get_disabled", ``, `false`},
	}},
	{"click", "click", []corpusCall{
		{"unstyle", `["\u001b[31mred\u001b[0m"]`, `"red"`},
		{"style", `{"text":"x","fg":"red"}`, `"\u001b[31mx\u001b[0m"`},
		{"format_filename", `["/a/b.txt",true]`, `"b.txt"`},
	}},
	{"typer", "typer", []corpusCall{
		{"main.get_command_name", `["some_command"]`, `"some-command"`},
		{"rich_utils.escape_before_html_export", `["a < b"]`, `"a < b"`},
		{"colors.RED", ``, `"red"`},
	}},
	{"rich", "rich", []corpusCall{
		{"markup.escape", `["[b]x[/b]"]`, `"\\[b]x\\[/b]"`},
		{"cells.cell_len", `["\u4f60\u597d"]`, `4`},
		{"filesize.decimal", `[30000]`, `"30.0 kB"`},
		{"color.parse_rgb_hex", `["ff8000"]`, `[255,128,0]`},
	}},
	{"tqdm", "tqdm", []corpusCall{
		{"tqdm.format_sizeof", `[1234567]`, `"1.23M"`},
		{"tqdm.format_interval", `[3661]`, `"1:01:01"`},
		{"tqdm.format_num", `[1000000]`, `"1e+6"`},
	}},
	{"sqlalchemy", "sqlalchemy", []corpusCall{
		{"engine.make_url", `["sqlite:///x.db"]`, `["sqlite",null,null,null,null,"x.db",{}]`},
		{"util.unique_list", `[[3,1,3]]`, `[3,1]`},
		{"util.asbool", `["yes"]`, `true`},
	}},
	{"fastapi", "fastapi", []corpusCall{
		{"encoders.jsonable_encoder", `[{"a":[1,null]}]`, `{"a":[1,null]}`},
		{"utils.get_path_param_names", `["/a/{b}/{c}"]`, `["b","c"]`},
		{"utils.is_body_allowed_for_status_code", `[204]`, `false`},
	}},
	{"starlette", "starlette", []corpusCall{
		{"datastructures.CommaSeparatedStrings", `["a, b"]`, `["a","b"]`},
		{"datastructures.QueryParams", `["a=1&b=2"]`, `{"a":"1","b":"2"}`},
		{"datastructures.Headers", `[{"a":"b"}]`, `{"a":"b"}`},
		{"status.HTTP_404_NOT_FOUND", ``, `404`},
	}},
	{"uvicorn", "uvicorn", []corpusCall{
		{"importer.import_from_string", `["math:pi"]`, `3.141592653589793`},
		{"importer.import_from_string", `["string:digits"]`, `"0123456789"`},
		{"config.LOG_LEVELS", ``, `{"critical":50,"error":40,"warning":30,"info":20,"debug":10,"trace":5}`},
	}},
	{"aiohttp", "aiohttp", []corpusCall{
		{"helpers.parse_mimetype", `["text/html; charset=utf-8"]`, `{"type":"text","subtype":"html","suffix":"","parameters":{"charset":"utf-8"}}`},
		{"helpers.parse_http_date", `["Sun, 06 Nov 1994 08:49:37 GMT"]`, `"1994-11-06T08:49:37+00:00"`},
		{"parse_content_disposition", `["attachment; filename=\"a.txt\""]`, `["attachment",{"filename":"a.txt"}]`},
	}},
	{"pyyaml", "yaml", []corpusCall{
		{"safe_load", `["a: [1, 2.5, ~, 2024-01-02]"]`, `{"a":[1,2.5,null,"2024-01-02"]}`},
		{"safe_dump", `[{"b":[1,"x"]}]`, `"b:\n- 1\n- x\n"`},
		{"safe_load_all", `["1\n---\n2\n"]`, `[1,2]`},
	}},
	{"toml", "toml", []corpusCall{
		{"loads", `["a = 1\n[b]\nc = 'x'"]`, `{"a":1,"b":{"c":"x"}}`},
		{"dumps", `[{"a":1,"b":{"c":"x"}}]`, `"a = 1\n\n[b]\nc = \"x\"\n"`},
		{"loads", `["d = 1979-05-27T07:32:00Z"]`, `{"d":"1979-05-27T07:32:00+00:00"}`},
	}},
	{"tomli", "tomli", []corpusCall{
		{"loads", `["a = 1\n[b]\nc = 'x'"]`, `{"a":1,"b":{"c":"x"}}`},
		{"loads", `["d = 1979-05-27"]`, `{"d":"1979-05-27"}`},
		{"loads", `["f = 1e3\nn = [1, 2]"]`, `{"f":1000.0,"n":[1,2]}`},
	}},
	{"msgpack", "msgpack", []corpusCall{
		{"packb", `[[1,"a"]]`, `"kgGhYQ=="`},
		{"packb", `[{"a":1.5}]`, `"gaFhyz/4AAAAAAAA"`},
		{"dumps", `[null]`, `"wA=="`},
	}},
	{"orjson", "orjson", []corpusCall{
		{"dumps", `[{"a":[1,2.5]}]`, `"eyJhIjpbMSwyLjVdfQ=="`},
		{"loads", `["[1,{\"b\":null}]"]`, `[1,{"b":null}]`},
		{"OPT_INDENT_2", ``, `1`},
	}},
	{"pytest", "pytest", []corpusCall{
		{"main", `[["--version"]]`, `0`},
		{"ExitCode", `[5]`, `5`},
		{"ExitCode.USAGE_ERROR", ``, `4`},
	}},
}

// TestTheMostUsedLibrariesAnswerExactly is the corpus, whole.
func TestTheMostUsedLibrariesAnswerExactly(t *testing.T) {
	if len(libraries) != corpusSize {
		t.Fatalf("the corpus has %d libraries, want %d", len(libraries), corpusSize)
	}
	if missing := notInstalled(t, libraries); missing != "" {
		t.Skipf("%s lacks %s (make test makes an interpreter that has them)", python, missing)
	}
	d := serve(t, rig.Options{Workers: 1})
	started := time.Now()
	turns := make(chan struct{}, corpusAtOnce)
	var mu sync.Mutex
	var all sync.WaitGroup
	good, calls := 0, 0
	for _, l := range libraries {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			right := l.tryOut(t, d)
			mu.Lock()
			defer mu.Unlock()
			calls += right
			if right == len(l.calls) && right >= corpusCalls {
				good++
			}
		})
	}
	all.Wait()
	took := time.Since(started)
	t.Logf("corpus: %d of %d libraries, %d calls, each in a pool of its own, in %s", good, corpusSize, calls, took.Round(time.Millisecond))
	if good != corpusSize {
		t.Errorf("%d of %d libraries answered exactly", good, corpusSize)
	}
	if took > corpusDeadline {
		t.Errorf("the corpus took %s, promised < %s", took, corpusDeadline)
	}
}

// tryOut makes a library's calls and says how many gave what they must. It runs
// beside others, so it ends no test by itself.
func (l library) tryOut(t *testing.T, d *rig.Daemon) (right int) {
	h, err := rig.Dial(d.Socket)
	if err != nil {
		t.Errorf("%s: %v", l.name, err)
		return 0
	}
	defer h.Close()
	for _, c := range l.calls {
		method := l.module + "." + c.method
		a, err := h.Call(method, c.params)
		switch {
		case err != nil:
			t.Errorf("%s: %v", method, err)
			return right
		case a.Error != nil:
			t.Errorf("%s(%s) failed: %d %s", method, c.params, a.Error.Code, a.Error.Message)
		case !sameJSON(string(a.Result), c.want):
			t.Errorf("%s(%s) gave %s, want %s", method, c.params, a.Result, c.want)
		default:
			right++
		}
	}
	if p, err := d.Pool(l.module); err != nil || p.WorkersReady != 1 || p.Restarts != 0 {
		t.Errorf("%s: its pool is %+v (%v), want one ready worker that never restarted", l.name, p, err)
	}
	return right
}

// notInstalled names the libraries that the interpreter does not have, without
// importing them.
func notInstalled(t *testing.T, all []library) string {
	t.Helper()
	names := make([]string, len(all))
	for i, l := range all {
		names[i] = l.module
	}
	const ask = "import sys, importlib.util as u; print(*[m for m in sys.argv[1:] if u.find_spec(m) is None])"
	out, err := exec.CommandContext(t.Context(), python, append([]string{"-c", ask}, names...)...).Output()
	if err != nil {
		t.Fatalf("ask %s what it has: %v", python, err)
	}
	return strings.TrimSpace(string(out))
}
