package top

import "github.com/charmbracelet/x/ansi"

// tone is what a cell means; which colour that is, the terminal's theme decides.
type tone int

const (
	toneNone tone = iota
	toneDim
	toneGood
	toneWarn
	toneBad
	toneTitle
	toneKey
	toneSelected
)

// palette styles text. Without colours it is bold, faint and reverse, which say
// the same.
type palette struct{ colors bool }

func (p palette) paint(t tone, text string) string {
	if text == "" {
		return text
	}
	var s ansi.Style
	switch t {
	case toneDim:
		s = s.Faint()
	case toneGood:
		s = p.in(s, ansi.Green)
	case toneWarn:
		s = p.in(s, ansi.Yellow)
	case toneBad:
		s = p.in(s.Bold(), ansi.Red)
	case toneTitle:
		s = s.Bold()
	case toneKey:
		s = p.in(s.Bold(), ansi.Cyan)
	case toneSelected:
		s = s.Reverse(true)
	default:
		return text
	}
	return s.Styled(text)
}

func (p palette) in(s ansi.Style, c ansi.BasicColor) ansi.Style {
	if !p.colors {
		return s
	}
	return s.ForegroundColor(c)
}
