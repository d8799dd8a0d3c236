package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAScreenBecomesItsText(t *testing.T) {
	picture := svg("a <title>", "\x1b[1mPOOL\x1b[0m   \x1b[32mopen\x1b[39m  ▁▃█\n\x1b[7mchosen & \"here\"   twice\x1b[0m\n\n")
	for _, want := range []string{
		`aria-label="a &lt;title&gt;"`,
		`class="b" fill="` + foreground + `">POOL</text>`,
		`fill="` + colors[2] + `">open</text>`,
		`fill="` + background + `">chosen &amp; &#34;here&#34;</text>`,
		`">twice</text>`,
		`<path fill="` + foreground + `" d="M`,
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %s in\n%s", want, picture)
		}
	}
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("no XML: %v", err)
			}
			return
		}
	}
}
