package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// The grid, in the picture's units. A character is as wide as most fonts for
// terminals draw it; runs of text are stretched to be exactly so.
const (
	cellWidth  = 8.4
	cellHeight = 18
	fontSize   = 14
	margin     = 14
	barTop     = 26 // the window's bar
)

const (
	background = "#16181d"
	foreground = "#c9d1d9"
	faint      = "#7d8590"
	frame      = "#30363d"
)

// colors are the theme of the picture: the eight of a terminal.
var colors = [8]string{"#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc"}

// style is what escape sequences have set.
type style struct {
	color                int // 0 the terminal's own, else one of the eight + 1
	bold, faint, reverse bool
}

func (s style) ink() string {
	switch {
	case s.reverse:
		return background
	case s.color > 0:
		return colors[s.color-1]
	case s.faint:
		return faint
	}
	return foreground
}

// set takes the parameters of one sequence.
func (s *style) set(params string) {
	for p := range strings.SplitSeq(params, ";") {
		switch n, _ := strconv.Atoi(p); { // none is 0
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.faint = true
		case n == 7:
			s.reverse = true
		case n == 22:
			s.bold, s.faint = false, false
		case n == 27:
			s.reverse = false
		case n >= 30 && n <= 37:
			s.color = n - 29
		case n == 39:
			s.color = 0
		}
	}
}

// glyph is one character of the grid.
type glyph struct {
	style
	text rune
}

// grid reads what tmux captured: lines of characters and sequences that style
// them. A style lasts over the end of a line.
func grid(screen string) [][]glyph {
	var rows [][]glyph
	var s style
	for line := range strings.Lines(strings.TrimRight(screen, "\n ")) {
		var row []glyph
		line = strings.TrimSuffix(line, "\n")
		for line != "" {
			if rest, ok := strings.CutPrefix(line, "\x1b["); ok {
				if params, after, ok := strings.Cut(rest, "m"); ok {
					s.set(params)
					line = after
					continue
				}
			}
			for i, r := range line {
				row = append(row, glyph{s, r})
				line = line[i+len(string(r)):]
				break
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// svg draws a captured screen as a window with a title.
func svg(title, screen string) string {
	rows := grid(screen)
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	width, height := 2*margin+float64(columns)*cellWidth, 2*margin+barTop+len(rows)*cellHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" role="img" aria-label="%s">`+"\n", width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&b, `<style>text{font:%dpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}.b{font-weight:bold}</style>`+"\n", fontSize)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s" stroke="%s"/>`+"\n", background, frame)
	for i := range 3 {
		fmt.Fprintf(&b, `<circle cx="%d" cy="19" r="5.5" fill="%s"/>`, margin+7+18*i, frame)
	}
	fmt.Fprintf(&b, "\n"+`<text x="50%%" y="23" text-anchor="middle" fill="%s">%s</text>`+"\n", faint, html.EscapeString(title))
	for y, row := range rows {
		drawRow(&b, float64(margin+barTop+y*cellHeight), row)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawRow draws runs of one style: grounds of reversed ones, bars as shapes (each
// font has them at other heights), and the rest as text.
func drawRow(b *strings.Builder, top float64, row []glyph) {
	for from := 0; from < len(row); {
		to := from + 1
		for to < len(row) && row[to].style == row[from].style && isBar(row[to].text) == isBar(row[from].text) {
			to++
		}
		run, x := row[from:to], margin+float64(from)*cellWidth
		if run[0].reverse {
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", x, top, float64(len(run))*cellWidth, cellHeight, foreground)
		}
		if isBar(run[0].text) {
			drawBars(b, x, top, run)
		} else {
			drawText(b, x, top, run)
		}
		from = to
	}
}

func isBar(r rune) bool { return r >= '▁' && r <= '█' }

func drawBars(b *strings.Builder, x, top float64, run []glyph) {
	fmt.Fprintf(b, `<path fill="%s" d="`, run[0].ink())
	for i, g := range run {
		tall := float64(g.text-'▁'+1) / 8 * (cellHeight - 4)
		fmt.Fprintf(b, "M%.1f %.1fh%.1fv-%.1fh-%.1fz", x+float64(i)*cellWidth, top+cellHeight-2, cellWidth-1, tall, cellWidth-1)
	}
	b.WriteString("\"/>\n")
}

// drawText draws words at their places; more than one blank is no text, because
// not every viewer keeps blanks.
func drawText(b *strings.Builder, x, top float64, run []glyph) {
	class := ""
	if run[0].bold {
		class = ` class="b"`
	}
	text := make([]rune, len(run))
	for i, g := range run {
		text[i] = g.text
	}
	for from := 0; from < len(text); {
		to := from
		for to < len(text) && (text[to] != ' ' || to+1 < len(text) && text[to+1] != ' ' && to > from) {
			to++
		}
		if to > from {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f"%s fill="%s">%s</text>`+"\n",
				x+float64(from)*cellWidth, top+cellHeight-5, float64(to-from)*cellWidth, class, run[0].ink(), html.EscapeString(string(text[from:to])))
		}
		from = to + 1
	}
}
