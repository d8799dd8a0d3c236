package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// step is what one Next gave.
type step struct {
	line string
	err  error
	long bool
}

func steps(t *testing.T, r io.Reader, limit int) []step {
	t.Helper()
	f := NewFrameReader(r, limit)
	defer f.Close()
	var all []step
	for range 1000 {
		line, err := f.Next()
		var long *FrameTooLongError
		if errors.As(err, &long) {
			all = append(all, step{long: true})
			continue
		}
		all = append(all, step{line: string(line), err: err})
		if err != nil {
			return all
		}
	}
	t.Fatal("the stream does not end")
	return nil
}

func TestFrameReaderCutsLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		in   string
		want []step
	}{
		"clean end":                  {"a\nb\n", []step{{line: "a"}, {line: "b"}, {err: io.EOF}}},
		"CRLF is tolerated":          {"a\r\nb\r\n", []step{{line: "a"}, {line: "b"}, {err: io.EOF}}},
		"blank lines are skipped":    {"\n\r\n  \n\ta\n\n", []step{{line: "\ta"}, {err: io.EOF}}},
		"nothing at all":             {"", []step{{err: io.EOF}}},
		"partial last line":          {"a\nbc", []step{{line: "a"}, {line: "bc", err: io.ErrUnexpectedEOF}}},
		"white space at the end":     {"a\n  ", []step{{line: "a"}, {err: io.EOF}}},
		"over-long, then the next":   {long + "\nb\n", []step{{long: true}, {line: "b"}, {err: io.EOF}}},
		"over-long to the end":       {"a\n" + long, []step{{line: "a"}, {long: true}, {err: io.EOF}}},
		"just over, in one read":     {strings.Repeat("x", 1001) + "\nb\n", []step{{long: true}, {line: "b"}, {err: io.EOF}}},
		"just over, at the end":      {strings.Repeat("x", 1001), []step{{long: true}, {err: io.EOF}}},
		"just fits, with CRLF":       {strings.Repeat("x", 1000) + "\r\n", []step{{line: strings.Repeat("x", 1000)}, {err: io.EOF}}},
		"two over-long in a row":     {long + "\n" + long + "\nc\n", []step{{long: true}, {long: true}, {line: "c"}, {err: io.EOF}}},
		"over-long line of blanks":   {strings.Repeat(" ", 100_000) + "\nc\n", []step{{long: true}, {line: "c"}, {err: io.EOF}}},
		"carriage return in a line":  {"a\rb\n", []step{{line: "a\rb"}, {err: io.EOF}}},
		"no newline, no second wind": {"{", []step{{line: "{", err: io.ErrUnexpectedEOF}}},
	} {
		for _, r := range []struct {
			how string
			of  func(io.Reader) io.Reader
		}{
			{"whole", func(r io.Reader) io.Reader { return r }},
			{"byte by byte", iotest.OneByteReader},
			{"data with its error", iotest.DataErrReader},
		} {
			t.Run(name+"/"+r.how, func(t *testing.T) {
				got := steps(t, r.of(strings.NewReader(c.in)), 1000)
				if len(got) != len(c.want) {
					t.Fatalf("got %d steps %+v, want %d", len(got), got, len(c.want))
				}
				for i := range got {
					if got[i] != c.want[i] {
						t.Errorf("step %d: got %.60q %v, want %.60q %v", i, got[i].line, got[i].err, c.want[i].line, c.want[i].err)
					}
				}
			})
		}
	}
}

func TestFrameReaderReportsTheReadersOwnError(t *testing.T) {
	f := NewFrameReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(os.ErrPermission)), 0)
	if line, err := f.Next(); string(line) != "a" || err != nil {
		t.Fatalf("got %q, %v", line, err)
	}
	for range 2 {
		if _, err := f.Next(); !errors.Is(err, os.ErrPermission) {
			t.Fatalf("got %v, want the reader's error, every time", err)
		}
	}
}

func TestFrameReaderSaysHowMuchOfAnOverlongLineCame(t *testing.T) {
	f := NewFrameReader(strings.NewReader(`{"id":7,`+strings.Repeat("x", 5000)+"\nb\n"), 1000)
	prefix, err := f.Next()
	var long *FrameTooLongError
	if !errors.As(err, &long) || long.Limit != 1000 || long.Size <= 1000 {
		t.Fatalf("got %v", err)
	}
	if !bytes.HasPrefix(prefix, []byte(`{"id":7,`)) {
		t.Errorf("the line's beginning is lost: %.20q", prefix)
	}
}

// One huge line must cost its buffer once, and not for the rest of the
// connection's life.
func TestFrameReaderDoesNotRetainAHugeBuffer(t *testing.T) {
	huge := strings.Repeat("y", 3<<20)
	f := NewFrameReader(io.MultiReader(strings.NewReader("a\n"+huge+"\nb\n"), strings.NewReader("c\n")), 4<<20)
	for _, want := range []string{"a", huge, "b", "c"} {
		line, err := f.Next()
		if err != nil || string(line) != want {
			t.Fatalf("got %.20q, %v; want %.20q", line, err, want)
		}
	}
	if len(f.buf) > readChunk {
		t.Errorf("the reader still holds %d bytes", len(f.buf))
	}
}

// Lines around the sizes at which their memory changes its kind.
func TestALongLineComesThroughWhole(t *testing.T) {
	for _, size := range []int{readChunk, readChunk + 1, blockSize, bigBlock - 1, bigBlock + readChunk, 2*bigBlock + blockSize, 5*bigBlock + 7} {
		line := make([]byte, size)
		for i := range line {
			line[i] = byte('a' + i*7/readChunk%26)
		}
		f := NewFrameReader(strings.NewReader(string(line)+"\nb\n"), 6*bigBlock)
		if got, err := f.Next(); err != nil || !bytes.Equal(got, line) {
			t.Errorf("%d bytes: got %d and %v", size, len(got), err)
		}
		if got, err := f.Next(); err != nil || string(got) != "b" {
			t.Errorf("behind %d bytes: %.20q and %v", size, got, err)
		}
		f.Close()
	}
}

func TestFrameReaderSkipsAHugeLineInLittleMemory(t *testing.T) {
	f := NewFrameReader(io.MultiReader(io.LimitReader(repeat('z'), 64<<20), strings.NewReader("\nb\n")), 1<<20)
	_, err := f.Next()
	var long *FrameTooLongError
	if !errors.As(err, &long) {
		t.Fatalf("got %v", err)
	}
	line, err := f.Next()
	if err != nil || string(line) != "b" {
		t.Fatalf("got %.20q, %v", line, err)
	}
	if len(f.buf) > 4<<20 {
		t.Errorf("skipping needed %d bytes", len(f.buf))
	}
}

func TestOwnedLinesSurviveLaterReads(t *testing.T) {
	want := []string{"small", strings.Repeat("big", 100_000), "small again", strings.Repeat("B", 200_000), "end"}
	f := NewFrameReader(iotest.HalfReader(strings.NewReader(strings.Join(want, "\n")+"\n")), 0)
	var got [][]byte
	for range want {
		line, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Own(line))
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("line %d was overwritten: %.30q", i, got[i])
		}
	}
}

// A thousand idle hosts must not cost a thousand buffers.
func TestIdleReaderHoldsNoBuffer(t *testing.T) {
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f := NewFrameReader(b, 0)
	if f.raw == nil {
		t.Fatal("a socket is not read raw")
	}
	if _, err := a.Write([]byte("one\ntw")); err != nil {
		t.Fatal(err)
	}
	if line, err := f.Next(); err != nil || string(line) != "one" {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := a.Write([]byte("o\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := f.Next(); err != nil || string(line) != "two" {
		t.Fatalf("%q %v", line, err)
	}
	a.Close()
	if _, err := f.Next(); err != io.EOF {
		t.Fatal(err)
	}
	if f.buf != nil {
		t.Error("the buffer was not given back before waiting")
	}
}

func TestWriteFrame(t *testing.T) {
	var b bytes.Buffer
	if err := WriteFrame(&b, []byte(`{}`)); err != nil || b.String() != "{}\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
	b.Reset()
	if err := WriteFrame(&b, []byte("a\nb")); !errors.Is(err, ErrNewline) || b.Len() != 0 {
		t.Errorf("an embedded newline: %v, %q written", err, b.String())
	}
	var long *FrameTooLongError
	if err := WriteFrame(&b, make([]byte, MaxFrameSize+1)); !errors.As(err, &long) || b.Len() != 0 {
		t.Errorf("over the cap: %v, %d written", err, b.Len())
	}
	if err := WriteFrame(&b, bytes.Repeat([]byte("z"), MaxFrameSize)); err != nil {
		t.Errorf("at the cap: %v", err)
	}
}

func TestFrameRoundTrip128KiB(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 8<<10)
	var b bytes.Buffer
	if err := WriteFrame(&b, payload); err != nil {
		t.Fatal(err)
	}
	got, err := NewFrameReader(&b, 0).Next()
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("%d bytes came back, %v", len(got), err)
	}
}

// repeat is an endless stream of one byte.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}
