package top

import (
	"math"
	"strings"
)

var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws the last minute in width bars, the newest right, the highest bar
// the highest value. A bar of several seconds has their mean, and begins at a
// multiple of them: else every bar would change every second. seen is how many
// values there were ever.
func spark(values []float64, seen, width int) string {
	if width <= 0 {
		return ""
	}
	each := (minute + width - 1) / width
	newest := (seen - 1) / each
	sums, counts := make([]float64, width), make([]float64, width)
	for i, v := range values {
		bar := width - 1 - (newest - (seen-len(values)+i)/each)
		if bar < 0 || math.IsNaN(v) {
			continue
		}
		sums[bar] += v
		counts[bar]++
	}
	highest := 0.0
	for i := range sums {
		if counts[i] > 0 {
			sums[i] /= counts[i]
			highest = max(highest, sums[i])
		}
	}
	var b strings.Builder
	for i, v := range sums {
		switch {
		case counts[i] == 0:
			b.WriteByte(' ')
		case highest == 0:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[min(int(v/highest*float64(len(bars))), len(bars)-1)])
		}
	}
	return b.String()
}

// barsIn is how many bars use so much room: each has as many seconds as the
// others, so not every number is one.
func barsIn(room int) int {
	for _, bars := range []int{60, 30, 20, 15} {
		if bars <= room {
			return bars
		}
	}
	return sparkMin
}
