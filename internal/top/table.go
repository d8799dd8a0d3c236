package top

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/mochilang/mochi-pyd/internal/cells"
)

const (
	gap      = 2  // blanks between columns
	sparkMin = 12 // bars of a sparkline that is worth its room, and its title's
	lastMin  = 24 // what the last column is given before others go: a function, and for how long
)

// table is one of the two: its rows in their order, and which one is selected.
type table[R any] struct {
	columns  []column[R]
	key      func(R) string
	by       int  // the column sorted by
	turned   bool // against the column's own order
	selected string
	kept     bool // the selected row was chosen, and stays so wherever it goes; else the first one is, whichever that is
	last     int  // where the selected row was: what takes its place when it has gone
	top      int  // the first row on the screen
	rows     []R
}

// set takes new rows, those that match, and sorts them.
func (t *table[R]) set(p *Past, rows []R, match func(R) bool) {
	t.rows = t.rows[:0]
	for _, r := range rows {
		if match(r) {
			t.rows = append(t.rows, r)
		}
	}
	t.sort(p)
}

func (t *table[R]) sort(p *Past) {
	c := t.columns[t.by]
	slices.SortStableFunc(t.rows, func(a, b R) int {
		order := c.less(p, a, b)
		if c.down != t.turned {
			order = -order
		}
		if order == 0 { // equals keep their places, whatever the daemon says first
			order = t.columns[0].less(p, a, b)
		}
		return order
	})
	switch at := t.at(); {
	case len(t.rows) == 0:
	case !t.kept:
		t.choose(0)
	case at < 0:
		t.choose(t.last)
	default:
		t.last = at
	}
}

// next sorts by the next column that one can sort by, or the one before.
func (t *table[R]) next(step int) {
	t.turned = false
	for {
		t.by = (t.by + step + len(t.columns)) % len(t.columns)
		if t.columns[t.by].less != nil {
			return
		}
	}
}

// at is the index of the selected row, -1 when it is not there.
func (t *table[R]) at() int {
	return slices.IndexFunc(t.rows, func(r R) bool { return t.key(r) == t.selected })
}

// chosen is the selected row.
func (t *table[R]) chosen() (row R, ok bool) {
	if i := t.at(); i >= 0 {
		return t.rows[i], true
	}
	return row, false
}

// move selects the row that is so many further down.
func (t *table[R]) move(by int) {
	if len(t.rows) > 0 {
		t.choose(t.at() + by)
		t.kept = t.last > 0
	}
}

// choose selects a row, or the one nearest to where it would be.
func (t *table[R]) choose(at int) {
	t.last = min(max(at, 0), len(t.rows)-1)
	t.selected = t.key(t.rows[t.last])
}

// keep holds the selection to its row, the first one's too.
func (t *table[R]) keep() { t.kept = true }

// position says which of the rows are on the screen; nothing when all are.
func (t *table[R]) position(noun string, height int) string {
	if len(t.rows) < height || height < 2 {
		return ""
	}
	return fmt.Sprintf("%s %d–%d of %d", noun, t.top+1, min(t.top+height-1, len(t.rows)), len(t.rows))
}

// render draws the head and as many rows as there is height for, scrolled so
// that the selected one is among them.
func (t *table[R]) render(p *Past, pal palette, width, height int, focus bool) []string {
	if height <= 0 {
		return nil
	}
	shown := height - 1
	t.scroll(shown)
	columns, widths, texts := t.fit(p, width)
	lines := []string{t.head(pal, columns, widths, focus)}
	for i := t.top; i < min(t.top+shown, len(t.rows)); i++ {
		row := t.rows[i]
		chosen := focus && t.key(row) == t.selected
		var b strings.Builder
		for j, c := range columns {
			text := texts[j][i]
			if shorter := t.columns[c].shorter; shorter != nil && ansi.StringWidth(text) > widths[j] {
				text = cells.Line(shorter(row, widths[j]))
			}
			cell := pad(text, widths[j], t.columns[c].right, j == len(columns)-1)
			if tone := t.columns[c].tone; tone != nil && !chosen {
				cell = pal.paint(tone(p, row), cell)
			}
			if j > 0 {
				b.WriteString(strings.Repeat(" ", gap))
			}
			b.WriteString(cell)
		}
		line := b.String()
		if chosen {
			line = pal.paint(toneSelected, pad(line, width, false, false))
		}
		lines = append(lines, line)
	}
	return lines
}

func (t *table[R]) scroll(shown int) {
	if at := t.at(); at >= 0 {
		t.top = min(t.top, at)
		t.top = max(t.top, at-shown+1)
	}
	t.top = max(0, min(t.top, len(t.rows)-shown))
}

func (t *table[R]) head(pal palette, columns, widths []int, focus bool) string {
	var b strings.Builder
	for j, c := range columns {
		title := t.columns[c].title
		if focus && c == t.by {
			title += t.arrow()
		}
		cell := pad(title, widths[j], t.columns[c].right, j == len(columns)-1)
		if j > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		if focus && c == t.by {
			b.WriteString(pal.paint(toneKey, cell))
		} else {
			b.WriteString(pal.paint(toneTitle, cell))
		}
	}
	return b.String()
}

func (t *table[R]) arrow() string {
	if t.columns[t.by].down != t.turned {
		return "↓"
	}
	return "↑"
}

// fit chooses the columns that there is room for and says how wide each is and
// what its cells hold. Widths are those of all rows, so that nothing jumps while
// one scrolls.
func (t *table[R]) fit(p *Past, width int) (columns, widths []int, texts [][]string) {
	for c, col := range t.columns {
		w := ansi.StringWidth(col.title) + 1 // and the arrow
		if col.grow != nil {
			w = sparkMin
		}
		all := make([]string, len(t.rows))
		for i, row := range t.rows {
			if col.grow == nil {
				all[i] = cells.Line(col.cell(p, row))
				w = max(w, ansi.StringWidth(all[i]))
			}
		}
		if col.most > 0 {
			w = min(w, col.most)
		}
		columns, widths, texts = append(columns, c), append(widths, w), append(texts, all)
	}
	for total(widths) > width {
		worst := 0
		for i, c := range columns {
			if t.spare(c) > t.spare(columns[worst]) {
				worst = i
			}
		}
		if t.spare(columns[worst]) == 0 {
			break
		}
		columns, widths, texts = slices.Delete(columns, worst, worst+1), slices.Delete(widths, worst, worst+1), slices.Delete(texts, worst, worst+1)
	}
	last := len(widths) - 1
	room := max(width-total(widths[:last])-gap, 0) // the last column's
	need := ansi.StringWidth(t.columns[columns[last]].title) + 1
	for _, text := range texts[last] {
		need = max(need, ansi.StringWidth(text))
	}
	for i, c := range columns {
		if grow := t.columns[c].grow; grow != nil {
			w := barsIn(widths[i] + max(room-need, 0))
			room -= w - widths[i]
			widths[i] = w
			for j, row := range t.rows {
				texts[i][j] = grow(p, row, w)
			}
		}
	}
	if widths[last] = room; t.columns[columns[last]].right {
		widths[last] = min(room, need)
	}
	return columns, widths, texts
}

// spare is how soon a column goes. The one that the rows are sorted by stays:
// else nobody would see what their order is.
func (t *table[R]) spare(c int) int {
	if c == t.by {
		return 0
	}
	return t.columns[c].spare
}

// total is the room that columns take; the last one needs no more than lastMin.
func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for i, w := range widths {
		if i == len(widths)-1 {
			w = min(w, lastMin)
		}
		sum += w
	}
	return sum
}

// pad makes a cell exactly so wide; the last of a line needs no blanks.
func pad(s string, width int, right, last bool) string {
	s = ansi.Truncate(s, width, "…")
	blanks := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	switch {
	case right:
		return blanks + s
	case last:
		return s
	}
	return s + blanks
}

func (t *table[R]) turn() { t.turned = !t.turned }
